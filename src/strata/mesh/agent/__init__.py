"""The process of one member: the links that it was told to keep, and probes.

Public face:

- `Agent`, `NeighbourBook`: one member's agent, and the file of whom it keeps links to; `run_agent`: its process
- `OwnMember`, `open_agent`, `until_told`: what the process of a member is made of, whatever else it serves
- `Transport`, `Direct`: how it reaches others; `Lookout`: what some agents hold of the others, for a coordinator
- `Wire`, `ask`, `reached`, `LINK_ERRORS`, `RequestRefused`, and the messages: how a coordinator speaks with it
"""

from strata.mesh.agent.agent import MOST_LINKS, Agent
from strata.mesh.agent.asking import LINK_ERRORS, RequestRefused, ask, reached, why
from strata.mesh.agent.book import BadBook, NeighbourBook
from strata.mesh.agent.daemon import run_agent
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
from strata.mesh.agent.transport import Direct, Transport

__all__ = [
    "ECH_CONFIG",
    "LINK_ERRORS",
    "MAX_PINGS",
    "MAX_SAMPLE",
    "MAX_TARGETS",
    "MOST_LINKS",
    "Agent",
    "BadBook",
    "Dial",
    "Direct",
    "Done",
    "Drop",
    "Echoes",
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
    "Transport",
    "Update",
    "Wire",
    "ask",
    "open_agent",
    "reached",
    "run_agent",
    "until_told",
    "why",
]
