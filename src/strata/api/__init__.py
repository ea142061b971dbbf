"""The HTTP API.

- `create_app`: the ASGI application over a `Context` (settings, ledger, `Work`, `Fleet`)
- `Work`, `Job`, `Schedule`, `Pipeline`: the port through which long work is started and ended;
  `WorkRefused`, `WorkUnavailable`
- `Fleet`, `Prompt`, `Turn`, `Piece`, `Model`, `NodeState`: the port to nodes that answer; `FleetUnavailable`
- `sample`: samples of the memory of a fleet's nodes, while the API runs
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.api.ports import (
    Fleet,
    FleetUnavailable,
    Job,
    Model,
    NodeState,
    Piece,
    Pipeline,
    Prompt,
    Schedule,
    Turn,
    Work,
    WorkRefused,
    WorkUnavailable,
)

if TYPE_CHECKING:
    from strata.api.app import create_app
    from strata.api.context import Context
    from strata.api.sampling import sample

__all__ = [
    "Context",
    "Fleet",
    "FleetUnavailable",
    "Job",
    "Model",
    "NodeState",
    "Piece",
    "Pipeline",
    "Prompt",
    "Schedule",
    "Turn",
    "Work",
    "WorkRefused",
    "WorkUnavailable",
    "create_app",
    "sample",
]

# The ports alone need no FastAPI.
_MODULES = {"Context": "context", "create_app": "app", "sample": "sampling"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
