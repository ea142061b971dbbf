"""The HTTP API.

- `create_app`: the ASGI application over a `Context` (settings, ledger, `Work`, `Fleet`), within `Limits`
- `serve`: answers HTTP with it, under trio; `schema`: what it takes and answers, as OpenAPI
- `Work`, `Job`, `JobState`, `Schedule`, `Pipeline`: the port through which long work is started and ended;
  `WorkRefused`, `WorkUnavailable`
- `Fleet`, `Prompt`, `Turn`, `Piece`, `Recovered`, `Model`, `NodeState`: the port to nodes that answer;
  `FleetUnavailable`; `open_fleet`: the nodes of a mesh, or of this machine
- `sample`: samples of the memory of a fleet's nodes, while the API runs
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from strata.api.ports import (
    Fleet,
    FleetUnavailable,
    Job,
    JobState,
    Model,
    NodeState,
    Piece,
    Pipeline,
    Prompt,
    Recovered,
    Schedule,
    Turn,
    Work,
    WorkRefused,
    WorkUnavailable,
)

if TYPE_CHECKING:
    from strata.api.app import create_app, schema
    from strata.api.context import Context
    from strata.api.fleet import open_fleet
    from strata.api.limits import Limits
    from strata.api.sampling import sample
    from strata.api.serving import serve

__all__ = [
    "Context",
    "Fleet",
    "FleetUnavailable",
    "Job",
    "JobState",
    "Limits",
    "Model",
    "NodeState",
    "Piece",
    "Pipeline",
    "Prompt",
    "Recovered",
    "Schedule",
    "Turn",
    "Work",
    "WorkRefused",
    "WorkUnavailable",
    "create_app",
    "open_fleet",
    "sample",
    "schema",
    "serve",
]

# The ports alone need no FastAPI.
_MODULES = {
    "Context": "context",
    "Limits": "limits",
    "create_app": "app",
    "open_fleet": "fleet",
    "sample": "sampling",
    "schema": "app",
    "serve": "serving",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
