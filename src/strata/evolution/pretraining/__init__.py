"""Small models to merge: a base and specialists from it.

Public face:

- `pretrain`: trains them; `PretrainedModel`, `read_record`: what came of it
- `register_checkpoint`, `StrataCallback`: put checkpoints of anyone's training run into the store; `Checkpoint`;
  `latest_checkpoints`: of one run
- `Course`: what a model is trained on and how; `BASE`, `SPECIALISTS`: those of the models that ship; `shortened`

The names that need torch or transformers import them when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.evolution.pretraining.course import BASE, SPECIALISTS, Course, shortened
from strata.evolution.pretraining.register import Checkpoint, Notify, latest_checkpoints, register_checkpoint

if TYPE_CHECKING:
    from strata.evolution.pretraining.callback import StrataCallback
    from strata.evolution.pretraining.series import PretrainedModel, pretrain, read_record

__all__ = [
    "BASE",
    "SPECIALISTS",
    "Checkpoint",
    "Course",
    "Notify",
    "PretrainedModel",
    "StrataCallback",
    "latest_checkpoints",
    "pretrain",
    "read_record",
    "register_checkpoint",
    "shortened",
]

_MODULES = {
    "PretrainedModel": "series",
    "StrataCallback": "callback",
    "pretrain": "series",
    "read_record": "series",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
