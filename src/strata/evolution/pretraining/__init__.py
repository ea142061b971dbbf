"""Small models to merge: a base and specialists from it.

Public face:

- `pretrain`: trains them; `PretrainedModel`, `read_record`: what came of it
- `Course`: what a model is trained on and how; `BASE`, `SPECIALISTS`: those of the models that ship; `shortened`

The names that need torch import it when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.evolution.pretraining.course import BASE, SPECIALISTS, Course, shortened

if TYPE_CHECKING:
    from strata.evolution.pretraining.series import PretrainedModel, pretrain, read_record

__all__ = ["BASE", "SPECIALISTS", "Course", "PretrainedModel", "pretrain", "read_record", "shortened"]

_MODULES = {"PretrainedModel": "series", "pretrain": "series", "read_record": "series"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
