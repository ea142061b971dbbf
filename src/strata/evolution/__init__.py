"""Breeding models: recipes for merges, their search, evaluation, the statistical gate, lineage and rollback.

Rooms, from the top; each one's `__init__` is its public face:

- `report`: rounds, verdicts and family trees as markdown, HTML and plots
- `rounds`: one generation, bred, tested and judged; the watch over a champion after its promotion
- `search`: which recipes to try next; `pretraining`: base models, specialists, checkpoints of a training run
- `lineage`: generations, the champion's pointer, promotion, rollback, rebuilding
- `merge`: recipes carried out by mergekit in worker processes; `evaluate`: items answered by models, cached;
  `regression`: the gate
- `suites`: versioned items of a domain; `recipes`: what a merge is made of, as data; `history`: files of past runs
- `models`: a model as an artifact of the store; `scores`: one model's result on one item

For others than these rooms, this package's own public face: the names of `__all__`, imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.evolution.pretraining import (
        BASE,
        SPECIALISTS,
        Checkpoint,
        PretrainedModel,
        StrataCallback,
        pretrain,
        register_checkpoint,
        shortened,
    )

__all__ = [
    "BASE",
    "SPECIALISTS",
    "Checkpoint",
    "PretrainedModel",
    "StrataCallback",
    "pretrain",
    "register_checkpoint",
    "shortened",
]

_MODULES = {
    "pretraining": (
        "BASE",
        "SPECIALISTS",
        "Checkpoint",
        "PretrainedModel",
        "StrataCallback",
        "pretrain",
        "register_checkpoint",
        "shortened",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
