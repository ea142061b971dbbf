"""Inference: one language model answers from several machines, over encrypted links.

The public face. Names are imported on first use, so that `import strata.inference` (and `strata --help`) stays light:

- `Checkpoint`, `CheckpointError`: a model on disk, by tensor and byte range.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.inference.checkpoint import Checkpoint, CheckpointError

__all__ = ["Checkpoint", "CheckpointError"]

_HOME = {
    "Checkpoint": "checkpoint",
    "CheckpointError": "checkpoint",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
