"""One generation: propose, breed, examine, judge, conclude. Each step may be done again, and then changes nothing.

What a step found is kept under a ref of the generation, so a run that was killed goes on where it was.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from strata.evolution.evaluate import ScoringFailed
from strata.evolution.history import fitness, weights_of
from strata.evolution.lineage import child_of, damage, tainted
from strata.evolution.merge import Merged
from strata.evolution.models import BadModel
from strata.evolution.recipes import Recipe
from strata.evolution.regression import Judgement, Verdict
from strata.evolution.rounds import notices
from strata.evolution.rounds.children import Child, best
from strata.evolution.rounds.judging import judge_candidate, limits
from strata.evolution.rounds.parts import Conclusion, Demands, Ending, Parts
from strata.evolution.rounds.past import FOUNDERS, SCORED_ON, scores_of
from strata.evolution.rounds.records import Records
from strata.evolution.rounds.telling import settle, tell, times
from strata.evolution.search import STRATEGIES, Past, Search, Space, to_recipe
from strata.evolution.suites import Item
from strata.store import BlobCorrupt, BlobMissing, Change, Generation, Ledger, PointerMoved, StoreError

Result = TypeVar("Result")
MOST_ATTEMPTS = 5  # at a generation that is cut off again and again


class Rounds:
    """The generations of one store and ledger, bred in `space`; nothing promoted may be worse than the `anchor`."""

    def __init__(self, demands: Demands, parts: Parts, space: Space, anchor: str | None = None) -> None:
        self.demands, self._space, self._anchor = demands, space, anchor
        self._breed, self._mend = parts.breed, parts.mend
        self._store, self._examiner = parts.store, parts.examiner
        self._family, self._championship = parts.family, parts.championship
        self._generations, self._incidents = parts.generations, parts.incidents
        self._records = Records(parts.store, parts.generations, parts.incidents)

    def crown(self, founders: Sequence[str]) -> str:
        """The champion; the one of `founders` that is fittest on the search items becomes it where there is none."""
        if (standing := self._championship.standing()) is not None:
            return standing.digest
        self._examiner.ahead(founders, self._search_items())
        found = [Child("", model=model, scores=self._scores(model)) for model in founders]
        fittest = best(found)
        assert fittest is not None
        assert fittest.model is not None
        reason = f"the first: {fittest.fitness:.4f} on {self.demands.search_items} search items a domain"
        return self._championship.promote(fittest.model, expected=None, reason=reason).digest

    def begin(self) -> int:
        """The generation that a killed run left, or a new one.

        One whose champion is lost is given up, and so is one that was cut off time and again.
        """
        for left in self._generations.recent(1, "running"):
            if self._taken_up(left):
                return left.id
        standing = self._championship.standing()
        generation = self._generations.begin(standing.digest if standing else None)
        tell(self._incidents, notices.of_epoch(generation))
        return generation

    def _taken_up(self, left: Generation) -> bool:
        attempts = 1 + times(self._incidents, notices.INTERRUPTED, notices.generation_of(left.id))
        hopeless = f"it was cut off {attempts} times" if attempts > MOST_ATTEMPTS else None
        if left.champion is None or (lost := damage(self._store, left.champion)) is not None:
            hopeless = f"its champion is lost: {lost}" if left.champion else "it has no champion"
        children = self._records.children(left.id) or ()
        tell(self._incidents, [notices.of_interruption(left.id, children, attempts, hopeless)], again=True)
        if hopeless is not None:
            self._generations.finish(left.id, "failed", {"candidate": None, "approval": None, "why": hopeless})
            self._family.release()
        return hopeless is None

    def propose(self, generation: int) -> tuple[Child, ...]:
        """The generation's recipes, as children that are not there yet."""
        if (known := self._records.children(generation)) is not None:
            return known
        recipes = [to_recipe(self._space, genome) for genome in self._search().ask(self.demands.children)]
        return self._records.keep(generation, [Child(recipe.to_json()) for recipe in recipes])

    def breed(self, generation: int, progress: Callable[[int], None] | None = None) -> tuple[Child, ...]:
        """The children, merged; one that could not be has a failure. Those of damaged parents are tried once more
        where the parents could be mended."""
        found = list(self.propose(generation))
        missing = [place for place, child in enumerate(found) if child.model is None and child.failure is None]
        self._merge(generation, found, missing, progress)
        orphans = [place for place in missing if found[place].failure == "parent"]
        if orphans and self._mend():
            self._merge(generation, found, orphans, None)
        return tuple(found)

    def _merge(
        self, generation: int, found: list[Child], places: Sequence[int], progress: Callable[[int], None] | None
    ) -> None:
        recipes = [Recipe.from_json(found[place].recipe) for place in places]
        for count, (place, outcome) in enumerate(zip(places, self._breed(recipes), strict=True), start=1):
            child = found[place] = found[place].bred(outcome)
            if isinstance(outcome, Merged):
                name = f"g{generation}-{place + 1}-{child.method}"
                self._family.add_child(child_of(outcome), Recipe.from_json(child.recipe), generation, name)
            self._records.keep(generation, found)
            if progress is not None:
                progress(count)

    def examine(self, generation: int, progress: Callable[[int], None] | None = None) -> tuple[Child, ...]:
        """The children with their scores on the search items."""
        found = list(self.breed(generation))
        waiting = [child for child in found if child.scores is None and child.failure is None]
        if models := [child.model for child in waiting if child.model is not None]:
            self._examiner.ahead(models, self._search_items())
        for place, child in enumerate(found):
            if child.model is not None and child.scores is None and child.failure is None:
                try:
                    found[place] = Child(child.recipe, child.model, scores=self._scores(child.model))
                except ScoringFailed as error:
                    found[place] = child.failed("examination", str(error))
                except (BlobMissing, BlobCorrupt, BadModel) as error:
                    found[place] = child.failed("damaged", str(error))
                self._records.keep(generation, found)
            if progress is not None:
                progress(place + 1)
        return tuple(found)

    def judge(self, generation: int, progress: Callable[[Mapping[str, int]], None] | None = None) -> Judgement | None:
        """The gate's verdict on the best child; None where no child could be examined."""
        candidate, champion = self._candidate(generation), self._champion_before(generation)
        if candidate is None or candidate.model is None:
            return None
        anchor, model = self._anchor if self._anchor != champion else None, candidate.model

        def judged() -> Judgement:
            return judge_candidate(
                self._examiner,
                self.demands.policy,
                champion=champion,
                candidate=model,
                anchor=anchor,
                generation=generation,
                progress=progress,
            )

        return self._with_whole([model, champion, *([anchor] if anchor else [])], judged)

    def promote(self, generation: int, judgement: Judgement | None) -> Change | None:
        """Make the best child champion where the gate says so, unless a person has to decide; else None.

        One that was left for a regression is not promoted again, as by a run that was killed after its rollback; nor is
        anyone where another has become champion since the generation began.
        """
        candidate = self._candidate(generation)
        if judgement is None or judgement.verdict is not Verdict.PROMOTE or self.demands.manual or candidate is None:
            return None
        assert candidate.model is not None
        if candidate.model in tainted(self._championship.history()):
            return None
        try:
            return self._championship.promote(
                candidate.model,
                expected=self._champion_before(generation),
                reason=f"better overall by {judgement.overall.difference:+.4f}, no worse in any domain",
                judgement=judgement.to_dict(),
                generation=generation,
            )
        except PointerMoved:
            return None

    def conclude(self, generation: int, judgement: Judgement | None) -> Conclusion:
        """End the generation after `promote`; a person is asked where the gate could not tell.

        The search learns the children's scores. What was promoted and has been rolled back since was not kept.
        """
        found, candidate = self.examine(generation), self._candidate(generation)
        if judgement is None or candidate is None or candidate.model is None:
            return self._finish(generation, found, "failed", None)
        self._records.judged(generation, judgement)
        if judgement.verdict is Verdict.REGRESS:
            return self._finish(generation, found, "kept", judgement)
        if judgement.verdict is Verdict.PROMOTE and not self.demands.manual:
            standing = self._championship.standing()
            stands = standing is not None and standing.digest == candidate.model
            return self._finish(generation, found, "promoted" if stands else "kept", judgement)
        champion = self._champion_before(generation)
        said = judgement.to_dict()
        approval = self._championship.propose(candidate.model, expected=champion, judgement=said, generation=generation)
        return self._finish(generation, found, "proposed", judgement, approval)

    def _finish(
        self,
        generation: int,
        found: Sequence[Child],
        ending: Ending,
        judgement: Judgement | None,
        approval: int | None = None,
    ) -> Conclusion:
        state = self._records.learnt(generation, self._search(), found)
        candidate = self._candidate(generation) if judgement else None
        model = candidate.model if candidate else None
        self._tell(generation, found, ending, judgement, model)
        standing = self._championship.standing()
        assert standing is not None
        champion = fitness(self._scores(standing.digest))
        figures = {"candidate": model, "approval": approval, "champion": champion, **self._compared()}
        self._generations.finish(generation, ending, figures, state)
        self._family.release()
        with suppress(StoreError):  # a ref that cannot be read: nothing is collected then
            self._store.gc(roots=Ledger(self._generations).digests())
        return Conclusion(generation, ending, model, standing.digest, champion, approval)

    def _tell(
        self, generation: int, found: Sequence[Child], ending: Ending, judgement: Judgement | None, model: str | None
    ) -> None:
        """Open the incidents that the generation's outcomes are, and end those whose cause is gone."""
        told = notices.of_children(generation, found)
        if judgement is not None and model is not None:
            most = limits(self._examiner, self.demands.policy)
            told += notices.of_judgement(generation, model, judgement, most, notices.RESPONSES[ending])
        tell(self._incidents, told)
        for kind in {*notices.LASTING} - {notice.kind for notice in told}:
            settle(self._incidents, kind, f"generation {generation} has children")

    def _search(self) -> Search:
        domains, strategy = self._examiner.domains, STRATEGIES[self.demands.strategy]
        return self._records.search(strategy, Past(self._space, weights=weights_of(domains)), self.demands.seed)

    def _scores(self, model: str) -> dict[str, float]:
        """Share of the search items answered rightly, by domain. They are the same for all generations."""
        items = self._search_items()
        result = self._with_whole([model], lambda: self._examiner.examine(model, items))
        return {domain: result.mean(domain) for domain in self._examiner.domains}

    def _search_items(self) -> tuple[Item, ...]:
        counts = dict.fromkeys(self._examiner.domains, self.demands.search_items)
        return self._examiner.draw("search", 0, counts)

    def _with_whole(self, models: Sequence[str], work: Callable[[], Result]) -> Result:
        """What `work` gives; once more with its models made again, where one was found to be damaged."""
        try:
            return work()
        except (BlobMissing, BlobCorrupt, BadModel):
            for model in models:
                self._championship.restore(model)
            return work()

    def _compared(self) -> dict[str, Any]:
        """What the children's scores can be compared with: the founders' on the same items, and which those are."""
        suites = [suite.label for suite in self._examiner.suites.values()]
        on = {"items": self.demands.search_items, "seed": self._examiner.seed, "suites": suites}
        founders = [*self._space.parents, *([self._space.base] if self._space.base else [])]
        self._examiner.ahead(founders, self._search_items())
        return {SCORED_ON: on, FOUNDERS: scores_of(founders, self._scores)}

    def _candidate(self, generation: int) -> Child | None:
        """The child that goes before the gate."""
        domains = self._examiner.domains
        margins = dict(zip(domains, self.demands.policy.margins_of(domains).tolist(), strict=True))
        return best(self.examine(generation), self._scores(self._champion_before(generation)), margins)

    def _champion_before(self, generation: int) -> str:
        found = self._generations.find(generation)
        assert found is not None
        assert found.champion is not None
        return found.champion
