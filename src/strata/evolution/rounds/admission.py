"""Whether a generation may begin beside somebody who needs memory: its peak, predicted, against what is free.

Whatever the search picks is within the prediction: the most demanding of all recipes is counted.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.errors import StrataError
from strata.evolution.evaluate import predicted_peak_bytes
from strata.evolution.merge import IDLE_BYTES, predict_bytes, read_tensors
from strata.evolution.models import open_model
from strata.evolution.rounds.shelf import KEPT_BYTES
from strata.evolution.search import TECHNIQUES, Genome, Space, to_recipe
from strata.store import BlobMissing, Store

# Resident, of a flow's own process with torch, transformers and matplotlib, before it holds a model.
PROCESS_BYTES = 640 << 20
_FLOAT32 = 4  # bytes; what models are examined in


@dataclass(frozen=True)
class Forecast:
    """Most bytes that a generation takes: `process` of its own one, which examines, `worker` of each that merges."""

    process: int
    worker: int


@dataclass(frozen=True)
class Admission:
    """Room for `workers` that merge, none where the generation has to wait; all else in bytes.

    predicted: the peak with these workers, or with one. free: what there is for it, what it holds already included.
    held_back: of `free`, left to others. merging: of the rest, for the workers.
    """

    predicted: int
    free: int
    held_back: int
    merging: int
    workers: int


def forecast(store: Store, parents: Sequence[str], base: str | None, children: int) -> Forecast:
    """Of a generation of so many children of these models; only headers are read.

    Raises StrataError for models that cannot be merged with each other, or whose files are not what they should be.
    """
    models = [*parents, *([base] if base else [])]
    loaded = peak = 0
    for model in models:
        size = sum(info.elements * _FLOAT32 for info in read_tensors(store, model).values())
        stored = sum(info.bytes for info in read_tensors(store, model).values())
        # Of all models that may be examined, so many stay loaded beside the one that is.
        beside = min(len(models) + children, max(0, KEPT_BYTES // max(stored, 1) - 1))
        loaded, peak = max(loaded, beside * size), max(peak, _examined(store, model))
    space = Space(tuple(parents), base, layers=1, methods=tuple(TECHNIQUES), groups=1)
    worker = max(predict_bytes(store, to_recipe(space, _largest(space, method))) for method in space.usable)
    return Forecast(PROCESS_BYTES + loaded + peak, IDLE_BYTES + worker)


def admit(expected: Forecast, *, free: int, held_back: int, workers: int) -> Admission:
    """With as many of the workers as there is room for beyond what is held back."""
    merging = max(0, free - held_back - expected.process)
    fitting = min(workers, merging // expected.worker)
    predicted = expected.process + max(1, fitting) * expected.worker
    return Admission(predicted, free, held_back, merging, fitting)


def _largest(space: Space, method: str) -> Genome:
    """A recipe of this method with as many parents as it takes."""
    most = max(space.parent_counts(method))
    return Genome(method, tuple(range(most)), (0.5,) * space.size)


def _examined(store: Store, model: str) -> int:
    with tempfile.TemporaryDirectory(prefix="strata-forecast-") as folder:
        for name, blob in open_model(store, model).files.items():
            try:
                (Path(folder) / name).symlink_to(store.path(blob).resolve())
            except BlobMissing as error:
                raise StrataError(f"{name} of model {model} is not in the store") from error
        return predicted_peak_bytes(Path(folder))
