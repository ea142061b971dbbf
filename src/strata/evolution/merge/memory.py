"""Peak memory of a merge, before it starts: from the headers of its parents' files and the method.

mergekit takes one tensor at a time, in the order of their names, and keeps each merged one until all are written. So
the peak is what the parents take, mapped, and the most, over the tensors, of the ones merged so far and the work on
the next, which was measured for every method (`work`).
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from strata.evolution.merge.work import work_bytes
from strata.evolution.models import BadModel, open_model
from strata.evolution.recipes import Recipe
from strata.store import Store

MOST_HEADER_BYTES = 100 << 20  # what the safetensors library accepts
_ITEM = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_NAMED = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2, "int64": 8}
_LAYER = re.compile(r"\.(\d+)\.")
# Python objects of the plan and the schedule; modules that the first merge imports, and what the allocator keeps.
_PER_TENSOR, FIXED_BYTES = 40_000, 96 << 20


@dataclass(frozen=True)
class TensorInfo:
    """elements, and bytes of one of them in the file."""

    elements: int
    item_bytes: int

    @property
    def bytes(self) -> int:
        """In the file."""
        return self.elements * self.item_bytes


def read_tensors(store: Store, digest: str) -> dict[str, TensorInfo]:
    """All tensors of a stored model, from the headers of its safetensors files.

    Raises BlobMissing, BadModel.
    """
    found: dict[str, TensorInfo] = {}
    for name, blob in open_model(store, digest).files.items():
        if name.endswith(".safetensors"):
            found.update(_read_header(store, blob, f"{name} of {digest}"))
    return found


def predict_bytes(store: Store, recipe: Recipe) -> int:
    """Most bytes that the merge adds to a worker that holds no model, its mapped parents included.

    Raises BlobMissing, BlobCorrupt, BadModel for a parent that is not there or not a model.
    """
    parents = [read_tensors(store, digest) for digest in recipe.models]
    mapped = sum(info.bytes for parent in parents for info in parent.values())
    beside = max(0, len(parents) - 1 - (recipe.base is not None))
    converted = _NAMED.get(str(recipe.configuration.get("dtype")).removeprefix("torch."))
    written = _NAMED.get(str(recipe.configuration.get("out_dtype")).removeprefix("torch."))
    aligned = any(recipe.configuration.get(key) for key in ("tokenizer", "tokenizer_source"))
    names = sorted({name for parent in parents for name in parent})
    repeats = _repeats(recipe.configuration, names)
    merged = peak = 0.0
    for name in names:
        each = [parent[name] for parent in parents if name in parent]
        elements, item = max(info.elements for info in each), max(info.item_bytes for info in each)
        work_item = converted or item
        copies = sum(elements * work_item for info in each if info.item_bytes != work_item or aligned)
        work = elements * work_bytes(recipe.method, beside, work_item) + copies
        peak = max(peak, merged + work)
        merged += elements * (written or work_item) * repeats
    return mapped + math.ceil(max(peak, merged)) + len(names) * len(parents) * _PER_TENSOR + FIXED_BYTES


def _repeats(configuration: Mapping[str, Any], names: Iterable[str]) -> float:
    """How many times the layers of a parent come out; more than once where slices overlap or parents are stacked."""
    layers = len({found[1] for name in names if (found := _LAYER.search(name))})
    slices = [*(configuration.get("slices") or ())]
    for module in (configuration.get("modules") or {}).values():
        slices += module.get("slices") or ()
    ranges = [part["sources"][0]["layer_range"] for part in slices if part.get("sources")]
    return max(1.0, sum(int(end) - int(begin) for begin, end in ranges) / max(1, layers))


def _read_header(store: Store, blob: str, what: str) -> Iterator[tuple[str, TensorInfo]]:
    """The format: 8 bytes of length, then JSON (https://github.com/huggingface/safetensors)."""
    with store.open(blob) as file:
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= MOST_HEADER_BYTES else b""
    try:
        header = json.loads(text)
        for name, fields in header.items():
            if name != "__metadata__":
                yield name, TensorInfo(math.prod(map(int, fields["shape"])), _ITEM[fields["dtype"]])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadModel(f"{what} is no safetensors file, or holds a dtype that cannot be merged") from error
