"""Scores of models of the store on items drawn from suites."""

from collections.abc import Iterable, Mapping

from strata.closing import Closing
from strata.evolution.evaluate import AnswerCache, Evaluation, evaluate, save_answers, unanswered
from strata.evolution.rounds.helpers import Asked, Helpers
from strata.evolution.rounds.shelf import Load, Shelf
from strata.evolution.suites import Item, Purpose, Suite
from strata.store import Store


class Examiner(Closing):
    """Answers items with models, from a cache where they were answered before. Close it, or use it as a context.

    suites: by domain. load: makes a scorer of a model's folder, which stays as long as it is used. seed: of the draws.
    helpers: who answers what is asked for beforehand (`ahead`), if anyone does.
    """

    def __init__(
        self,
        store: Store,
        suites: Mapping[str, Suite],
        cache: AnswerCache,
        load: Load,
        *,
        seed: int = 0,
        helpers: Helpers | None = None,
    ) -> None:
        self.suites, self.seed = dict(suites), seed
        self._cache, self._shelf, self._helpers = cache, Shelf(store, load), helpers

    @property
    def domains(self) -> tuple[str, ...]:
        """Of the suites, in their order."""
        return tuple(self.suites)

    def draw(self, purpose: Purpose, generation: int, counts: Mapping[str, int]) -> tuple[Item, ...]:
        """So many items of each domain; a longer draw begins with the shorter one. Raises BadSuite."""
        drawn = (self.suites[domain].draw(purpose, generation, count, self.seed) for domain, count in counts.items())
        return tuple(item for items in drawn for item in items)

    def capacity(self, purpose: Purpose, domain: str) -> int:
        """How many items of a domain can be drawn at once."""
        return self.suites[domain].capacity(purpose)

    def ahead(self, models: Iterable[str], items: tuple[Item, ...]) -> None:
        """Have all of these answered at the same time by helpers, where there are any, before `examine` asks one by
        one. What a helper could not answer is answered here, and what is wrong shows here. Raises CacheFailed."""
        if self._helpers is None:
            return
        missing = {model: unanswered(model, items, self._cache) for model in dict.fromkeys(models)}
        asked = [Asked(model, left) for model, left in missing.items() if left]
        for each, answers in zip(asked, self._helpers.answer_all(asked), strict=True):
            if answers is not None:
                save_answers(self._cache, each.model, each.items, answers)

    def examine(self, model: str, items: tuple[Item, ...]) -> Evaluation:
        """The model's results. Raises ScoringFailed, CacheFailed, and what `check_out` raises."""
        return evaluate(lambda: self._shelf.scorer(model), model, items, self._cache)

    def forget(self) -> None:
        """Let go of the models that are loaded."""
        self._shelf.clear()

    def close(self) -> None:
        """Let go of the models, and close the cache."""
        self._shelf.close()
        self._cache.close()
