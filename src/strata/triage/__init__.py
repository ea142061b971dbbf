"""What is done about failures, whoever has them. What failed is written down in `strata.store.IncidentLog`.

- `Breaker`: a circuit breaker, so that who fails again and again is not asked again and again; its `State` is closed,
  open or half-open
- `Breakers`: breakers by key, bounded in number
- `record_failed_run`, `record_completed_run`: runs of pipelines that fail, as incidents

Members use breakers, and start the quicker for not importing the rest until it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.triage.breaker import Breaker, Breakers, State

if TYPE_CHECKING:
    from strata.triage.runs import record_completed_run, record_failed_run

__all__ = ["Breaker", "Breakers", "State", "record_completed_run", "record_failed_run"]

_MODULES = {"record_completed_run": "runs", "record_failed_run": "runs"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
