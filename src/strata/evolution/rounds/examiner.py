"""Scores of models of the store on items drawn from suites."""

import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from strata.closing import Closing
from strata.evolution.evaluate import AnswerCache, Evaluation, Scorer, evaluate
from strata.evolution.merge import scratch
from strata.evolution.models import check_out, open_model
from strata.evolution.suites import Item, Purpose, Suite
from strata.store import Store

KEPT_BYTES = 1 << 30  # of models that stay loaded: a gate asks the same two or three again and again
Load = Callable[[Path], Callable[[], Scorer]]


class Examiner(Closing):
    """Answers items with models, from a cache where they were answered before. Close it, or use it as a context.

    suites: by domain. load: makes a scorer of a model's folder, which stays as long as it is used. seed: of the draws.
    """

    def __init__(
        self, store: Store, suites: Mapping[str, Suite], cache: AnswerCache, load: Load, *, seed: int = 0
    ) -> None:
        self.suites, self.seed = dict(suites), seed
        self._store, self._cache, self._load = store, cache, load
        self._stack = ExitStack()
        self._folder = self._stack.enter_context(scratch(store.layout.root))
        self._loaded: OrderedDict[str, tuple[Scorer, int]] = OrderedDict()  # with bytes; the latest used last

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

    def examine(self, model: str, items: tuple[Item, ...]) -> Evaluation:
        """The model's results. Raises ScoringFailed, CacheFailed, and what `check_out` raises."""
        return evaluate(lambda: self._scorer(model), model, items, self._cache)

    def _scorer(self, model: str) -> Scorer:
        if model not in self._loaded:
            files = open_model(self._store, model).files
            size = sum(self._store.size(blob) for name, blob in files.items() if name.endswith(".safetensors"))
            while self._loaded and size + sum(taken for _, taken in self._loaded.values()) > KEPT_BYTES:
                left, _ = self._loaded.popitem(last=False)
                shutil.rmtree(self._folder / left, ignore_errors=True)
            folder = check_out(self._store, model, self._folder / model)
            self._loaded[model] = self._load(folder)(), size
        self._loaded.move_to_end(model)
        return self._loaded[model][0]

    def close(self) -> None:
        """Let go of the models, and close the cache."""
        self._loaded.clear()
        self._stack.close()
        self._cache.close()
