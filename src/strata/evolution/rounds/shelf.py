"""Models of the store, loaded to answer, the latest used last: so many bytes of them stay."""

import shutil
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from strata.closing import Closing
from strata.evolution.evaluate import Scorer
from strata.evolution.merge import scratch
from strata.evolution.models import check_out, open_model
from strata.store import Store

KEPT_BYTES = 1 << 30  # of models that stay loaded: a gate asks the same two or three again and again
Load = Callable[[Path], Callable[[], Scorer]]


class Shelf(Closing):
    """Scorers of models. load: makes one of a model's folder, which stays as long as it is used."""

    def __init__(self, store: Store, load: Load) -> None:
        self._store, self._load = store, load
        self._stack = ExitStack()
        self._folder = self._stack.enter_context(scratch(store.layout.root))
        self._loaded: OrderedDict[str, tuple[Scorer, int]] = OrderedDict()  # with bytes; the latest used last

    def scorer(self, model: str) -> Scorer:
        """That of the model with this digest. Raises ScoringFailed, and what `check_out` raises."""
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

    def clear(self) -> None:
        """Let go of the models."""
        self._loaded.clear()

    def close(self) -> None:
        """Let go of the models and their folders."""
        self.clear()
        self._stack.close()
