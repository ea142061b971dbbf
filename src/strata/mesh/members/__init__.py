"""Who is in the mesh, alive or not: SWIM with Lifeguard, sans-IO.

Public face:

- `Detector`, `Change`, `What`: the state machine of one member, and what it finds
- `Timing`, `LAN`, `MOBILE`: how long it waits for what
- `State`, `BadMessage`: what is held of a member; bytes that are no message
- `Charter`, `SignedCharter`: who may be a member, and the signed membership that spreads by the same messages
- `OpenCharter`: everybody, for simulations
"""

from strata.mesh.members.book import Change, What
from strata.mesh.members.charter import Charter, OpenCharter, SignedCharter
from strata.mesh.members.detector import Detector
from strata.mesh.members.messages import BadMessage, State
from strata.mesh.members.timing import LAN, MOBILE, Timing

__all__ = [
    "LAN",
    "MOBILE",
    "BadMessage",
    "Change",
    "Charter",
    "Detector",
    "OpenCharter",
    "SignedCharter",
    "State",
    "Timing",
    "What",
]
