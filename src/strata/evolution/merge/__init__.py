"""Recipes carried out by mergekit in worker processes.

Public face:

- `MergePool`: recipes on models of the store, several at once, within a memory budget; `MergeError`
- `Merged`, `MergeFailed`, `FailureKind`, `Engine`: what comes of a recipe, and what beside it decides the bytes
- `merge_file`, `MergedFolder`, `FolderFailed`, `BadRecipeFile`: a recipe file into a folder
- `predict_bytes`: peak memory of a merge before it starts, beyond `IDLE_BYTES` of its worker; `read_tensors`: headers
- `scratch`: a folder beside the blobs that goes at the end of a block, or when the next pool opens
"""

from strata.evolution.merge.command import BadRecipeFile, FolderFailed, MergedFolder, merge_file
from strata.evolution.merge.memory import predict_bytes, read_tensors
from strata.evolution.merge.outcome import Engine, FailureKind, Merged, MergeFailed
from strata.evolution.merge.pool import IDLE_BYTES, MergeError, MergePool
from strata.evolution.merge.scratch import scratch

__all__ = [
    "IDLE_BYTES",
    "BadRecipeFile",
    "Engine",
    "FailureKind",
    "FolderFailed",
    "MergeError",
    "MergeFailed",
    "MergePool",
    "Merged",
    "MergedFolder",
    "merge_file",
    "predict_bytes",
    "read_tensors",
    "scratch",
]
