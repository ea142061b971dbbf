"""One generation: propose, breed, examine, judge, conclude. Each step may be done again, and then changes nothing.

What a step found is kept under a ref of the generation, so a run that was killed goes on where it was.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from strata.errors import StrataError
from strata.evolution.history import fitness
from strata.evolution.lineage import PIPELINE, Championship, Family, child_of
from strata.evolution.merge import Merged, MergeFailed
from strata.evolution.recipes import Recipe
from strata.evolution.regression import GatePolicy, Judgement, Verdict
from strata.evolution.rounds import children as records
from strata.evolution.rounds.children import Child, best
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.judging import judge_candidate
from strata.evolution.rounds.past import CHILDREN, FOUNDERS, JUDGEMENT, SCORED_ON, scores_of
from strata.evolution.search import STRATEGIES, BadSearch, Past, Search, Space, to_recipe
from strata.store import Change, GenerationLog, IncidentLog, Store

SEARCH = "evolution-search"  # a kind of refs

Breed = Callable[[Sequence[Recipe]], Iterable[Merged | MergeFailed]]
Ending = Literal["promoted", "kept", "proposed", "failed"]


@dataclass(frozen=True)
class Demands:
    """What a generation is: so many `children`, each scored on `search_items` of every domain, then the `policy`.

    `manual`: nothing is promoted without approval.
    """

    strategy: str = "adaptive"
    children: int = 8
    search_items: int = 250
    seed: int = 0
    policy: GatePolicy = field(default_factory=GatePolicy)
    manual: bool = False


@dataclass(frozen=True)
class Conclusion:
    """How a generation ended; `candidate` is None where no child could be examined.

    `champion`: after it, and its fitness on the search items. `approval`: number of the question asked of a person.
    """

    generation: int
    ending: Ending
    candidate: str | None
    champion: str
    champion_fitness: float
    approval: int | None = None


@dataclass(frozen=True)
class Parts:
    """What generations are made with, all of one store and ledger; opened, and closed, by whoever made them.

    breed: carries out recipes, and gives an outcome for each in their order.
    """

    store: Store
    examiner: Examiner
    family: Family
    championship: Championship
    generations: GenerationLog
    incidents: IncidentLog
    breed: Breed


class Rounds:
    """The generations of one store and ledger, bred in `space`; nothing promoted may be worse than the `anchor`."""

    def __init__(self, demands: Demands, parts: Parts, space: Space, anchor: str | None = None) -> None:
        self.demands, self._space, self._anchor = demands, space, anchor
        self._breed = parts.breed
        self._store, self._examiner = parts.store, parts.examiner
        self._family, self._championship = parts.family, parts.championship
        self._generations, self._incidents = parts.generations, parts.incidents

    def crown(self, founders: Sequence[str]) -> str:
        """The champion; the one of `founders` that is fittest on the search items becomes it where there is none."""
        if (standing := self._championship.standing()) is not None:
            return standing.digest
        found = [Child("", model=model, scores=self._scores(model)) for model in founders]
        fittest = best(found)
        assert fittest is not None
        assert fittest.model is not None
        reason = f"the first: {fittest.fitness:.4f} on {self.demands.search_items} search items a domain"
        return self._championship.promote(fittest.model, expected=None, reason=reason).digest

    def begin(self) -> int:
        """The generation that a killed run left, or a new one."""
        running = self._generations.recent(1, "running")
        if running:
            return running[0].id
        standing = self._championship.standing()
        return self._generations.begin(standing.digest if standing else None)

    def propose(self, generation: int) -> tuple[Child, ...]:
        """The generation's recipes, as children that are not there yet."""
        if (known := self._children(generation)) is not None:
            return known
        genomes = self._search().ask(self.demands.children)
        recipes = [to_recipe(self._space, genome) for genome in genomes]
        return self._keep(generation, [Child(recipe.to_json()) for recipe in recipes])

    def breed(self, generation: int, progress: Callable[[int], None] | None = None) -> tuple[Child, ...]:
        """The children, merged; one that could not be has a failure, of which an incident tells."""
        found = list(self.propose(generation))
        missing = [place for place, child in enumerate(found) if child.model is None and child.failure is None]
        recipes = [Recipe.from_json(found[place].recipe) for place in missing]
        for count, (place, outcome) in enumerate(zip(missing, self._breed(recipes), strict=True), start=1):
            found[place] = found[place].bred(outcome)
            child = found[place]
            if isinstance(outcome, Merged):
                name = f"g{generation}-{place + 1}-{child.method}"
                self._family.add_child(child_of(outcome), Recipe.from_json(child.recipe), generation, name)
            else:
                self._report(generation, child)
            self._keep(generation, found)
            if progress is not None:
                progress(count)
        return tuple(found)

    def examine(self, generation: int, progress: Callable[[int], None] | None = None) -> tuple[Child, ...]:
        """The children with their scores on the search items."""
        found = list(self.breed(generation))
        for place, child in enumerate(found):
            if child.model is not None and child.scores is None and child.failure is None:
                try:
                    found[place] = Child(child.recipe, child.model, scores=self._scores(child.model))
                except StrataError as error:
                    found[place] = child.failed("examination", str(error))
                    self._report(generation, found[place])
                self._keep(generation, found)
            if progress is not None:
                progress(place + 1)
        return tuple(found)

    def judge(self, generation: int, progress: Callable[[Mapping[str, int]], None] | None = None) -> Judgement | None:
        """The gate's verdict on the best child; None where no child could be examined."""
        candidate, champion = self._candidate(generation), self._champion_before(generation)
        if candidate is None or candidate.model is None:
            return None
        demands = self.demands
        return judge_candidate(
            self._examiner,
            demands.policy,
            champion=champion,
            candidate=candidate.model,
            anchor=self._anchor if self._anchor != champion else None,
            generation=generation,
            progress=progress,
        )

    def promote(self, generation: int, judgement: Judgement | None) -> Change | None:
        """Make the best child champion where the gate says so, unless a person has to decide; else None."""
        candidate = self._candidate(generation)
        if judgement is None or judgement.verdict is not Verdict.PROMOTE or self.demands.manual or candidate is None:
            return None
        assert candidate.model is not None
        return self._championship.promote(
            candidate.model,
            expected=self._champion_before(generation),
            reason=f"better overall by {judgement.overall.difference:+.4f}, no worse in any domain",
            judgement=judgement.to_dict(),
            generation=generation,
        )

    def conclude(self, generation: int, judgement: Judgement | None) -> Conclusion:
        """End the generation after `promote`; a person is asked where the gate could not tell.

        The search learns the children's scores. What was promoted and has been rolled back since was not kept.
        """
        found, candidate = self.examine(generation), self._candidate(generation)
        if judgement is None or candidate is None or candidate.model is None:
            return self._finish(generation, found, "failed", None, None)
        said, model = judgement.to_dict(), candidate.model
        self._store.put_artifact(json.dumps(said, sort_keys=True).encode(), JUDGEMENT, str(generation))
        if judgement.verdict is Verdict.REGRESS:
            return self._finish(generation, found, "kept", model, None)
        if judgement.verdict is Verdict.PROMOTE and not self.demands.manual:
            standing = self._championship.standing()
            stands = standing is not None and standing.digest == model
            return self._finish(generation, found, "promoted" if stands else "kept", model, None)
        champion = self._champion_before(generation)
        approval = self._championship.propose(model, expected=champion, judgement=said, generation=generation)
        return self._finish(generation, found, "proposed", model, approval)

    def _finish(
        self, generation: int, found: Sequence[Child], ending: Ending, model: str | None, approval: int | None
    ) -> Conclusion:
        search = self._search()
        search.ask(len(found))
        search.tell([child.scores for child in found])
        state = self._store.put_artifact(search.to_json().encode(), SEARCH, str(generation))
        standing = self._championship.standing()
        assert standing is not None
        champion = fitness(self._scores(standing.digest))
        figures = {"candidate": model, "approval": approval, "champion": champion, **self._compared()}
        self._generations.finish(generation, ending, figures, state.digest)
        self._family.release()
        return Conclusion(generation, ending, model, standing.digest, champion, approval)

    def _search(self) -> Search:
        """As it stood when the last generation had ended; a new one where that was in another space or another way."""
        strategy, state = STRATEGIES[self.demands.strategy], self._generations.latest_strategy()
        if state is not None:
            with suppress(BadSearch):  # the store has verified the text, so it is a sound state of something else
                return Search.from_json(strategy, self._space, self._store.read(state))
        return Search(strategy, Past(self._space), self.demands.seed)

    def _scores(self, model: str) -> dict[str, float]:
        """Share of the search items answered rightly, by domain. They are the same for all generations."""
        counts = dict.fromkeys(self._examiner.domains, self.demands.search_items)
        result = self._examiner.examine(model, self._examiner.draw("search", 0, counts))
        return {domain: result.mean(domain) for domain in self._examiner.domains}

    def _compared(self) -> dict[str, Any]:
        """What the children's scores can be compared with: the founders' on the same items, and which those are."""
        suites = [suite.label for suite in self._examiner.suites.values()]
        on = {"items": self.demands.search_items, "seed": self._examiner.seed, "suites": suites}
        founders = filter(None, (*self._space.parents, self._space.base))
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

    def _children(self, generation: int) -> tuple[Child, ...] | None:
        ref = self._store.ref(CHILDREN, str(generation))
        return None if ref is None else records.from_json(self._store.read(ref.digest))

    def _keep(self, generation: int, found: Sequence[Child]) -> tuple[Child, ...]:
        self._store.put_artifact(records.to_json(found), CHILDREN, str(generation))
        return tuple(found)

    def _report(self, generation: int, child: Child) -> None:
        figures = {"generation": generation, "method": child.method, "failure": child.failure}
        subject = Recipe.from_json(child.recipe).digest
        incident = self._incidents.begin(
            pipeline=PIPELINE, kind="failed child", subject=subject, detail=child.detail, figures=figures
        )
        self._incidents.resolve(incident, "the generation went on without it")
