"""The process of one member: the links that it was told to keep, and probes.

Public face:

- `Agent`, `NeighbourBook`: one member's agent, and the file of whom it keeps links to; `run_agent`: its process
- `OwnMember`, `open_agent`, `until_told`: what the process of a member is made of, whatever else it serves
- `Direct`: how it reaches others over links; `Either`: how a coordinator does, over links or libp2p
- `HEARTBEAT_SECONDS`, `SILENCE_SECONDS`, `IDLE_SECONDS`, `DIAL_SECONDS`, `AWAY_REDIAL_SECONDS`, `redial_after`,
  `QUIET_SECONDS`, `SLEPT_SECONDS`: what it waits for, which the simulator goes by
- `Lookout`: what some agents hold of the others, for a coordinator
- `Wire`, `ask`, `reached`, `probing_seconds`, `LINK_ERRORS`, `RequestRefused`, and the messages: how a coordinator
  speaks with it
"""

from strata.mesh.agent.agent import IDLE_SECONDS, MOST_LINKS, Agent
from strata.mesh.agent.asking import DIAL_SECONDS, LINK_ERRORS, RequestRefused, ask, reached, why
from strata.mesh.agent.book import BadBook, NeighbourBook
from strata.mesh.agent.daemon import run_agent
from strata.mesh.agent.either import Either
from strata.mesh.agent.keeping import AWAY_REDIAL_SECONDS, SILENCE_SECONDS, redial_after
from strata.mesh.agent.lookout import Lookout
from strata.mesh.agent.member import OwnMember, open_agent, until_told
from strata.mesh.agent.messages import (
    ECH_CONFIG,
    MAX_PINGS,
    MAX_SAMPLE,
    MAX_TARGETS,
    Dial,
    Done,
    Drop,
    Echoes,
    GetStatus,
    Held,
    HeldState,
    Probe,
    Probed,
    Status,
    Update,
    Wire,
)
from strata.mesh.agent.presence import HEARTBEAT_SECONDS, QUIET_SECONDS
from strata.mesh.agent.probing import probing_seconds
from strata.mesh.agent.transport import Direct
from strata.mesh.agent.watching import SLEPT_SECONDS

__all__ = [
    "AWAY_REDIAL_SECONDS",
    "DIAL_SECONDS",
    "ECH_CONFIG",
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
    "Either",
    "GetStatus",
    "Held",
    "HeldState",
    "Lookout",
    "NeighbourBook",
    "OwnMember",
    "Probe",
    "Probed",
    "RequestRefused",
    "Status",
    "Update",
    "Wire",
    "ask",
    "open_agent",
    "probing_seconds",
    "reached",
    "redial_after",
    "run_agent",
    "until_told",
    "why",
]
