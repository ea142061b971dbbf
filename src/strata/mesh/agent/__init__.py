"""The process of one member: the links that it was told to keep, and probes.

Public face:

- `Agent`, `NeighbourBook`: one member's agent, and the file of whom it keeps links to; `run_agent`: its process
- `Transport`, `Direct`: how it reaches others
- `HEARTBEAT_SECONDS`, `SILENCE_SECONDS`, `IDLE_SECONDS`, `DIAL_SECONDS`, `AWAY_REDIAL_SECONDS`, `redial_after`,
  `QUIET_SECONDS`, `SLEPT_SECONDS`: what it waits for, which the simulator goes by
- `Wire`, `ask`, `reached`, `LINK_ERRORS`, `RequestRefused`, and the messages: how a coordinator speaks with it
"""

from strata.mesh.agent.agent import IDLE_SECONDS, MOST_LINKS, Agent
from strata.mesh.agent.asking import DIAL_SECONDS, LINK_ERRORS, RequestRefused, ask, reached, why
from strata.mesh.agent.book import BadBook, NeighbourBook
from strata.mesh.agent.daemon import run_agent
from strata.mesh.agent.keeping import AWAY_REDIAL_SECONDS, SILENCE_SECONDS, redial_after
from strata.mesh.agent.messages import (
    MAX_PINGS,
    MAX_SAMPLE,
    MAX_TARGETS,
    Dial,
    Done,
    Drop,
    Echoes,
    GetStatus,
    Probe,
    Probed,
    Status,
    Update,
    Wire,
)
from strata.mesh.agent.presence import HEARTBEAT_SECONDS, QUIET_SECONDS
from strata.mesh.agent.transport import Direct, Transport
from strata.mesh.agent.watching import SLEPT_SECONDS

__all__ = [
    "AWAY_REDIAL_SECONDS",
    "DIAL_SECONDS",
    "HEARTBEAT_SECONDS",
    "IDLE_SECONDS",
    "LINK_ERRORS",
    "MAX_PINGS",
    "MAX_SAMPLE",
    "MAX_TARGETS",
    "MOST_LINKS",
    "QUIET_SECONDS",
    "SILENCE_SECONDS",
    "SLEPT_SECONDS",
    "Agent",
    "BadBook",
    "Dial",
    "Direct",
    "Done",
    "Drop",
    "Echoes",
    "GetStatus",
    "NeighbourBook",
    "Probe",
    "Probed",
    "RequestRefused",
    "Status",
    "Transport",
    "Update",
    "Wire",
    "ask",
    "reached",
    "redial_after",
    "run_agent",
    "why",
]
