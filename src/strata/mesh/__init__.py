"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path); `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `CannotListen`: how a link ends, or does not begin.
- `Message`, `Codec`, `Wire`, `Connection`, `ProtocolError`: messages over a link, whatever their protocol.
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `newest_membership`, `end_on_signal`, `end_with_stdin`: what every process of a member does.
- `Agent`, `NeighbourBook`, `run_agent`: a member's agent, which keeps links and probes; over `Transport`, `Direct`.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.agent import Agent, Direct, NeighbourBook, Transport, run_agent
from strata.mesh.connect import HANDSHAKE_SECONDS, CannotListen, Unreachable, dial, serve
from strata.mesh.links import Link, LinkClosed
from strata.mesh.messaging import Codec, Connection, Message, ProtocolError, Wire
from strata.mesh.network import BadNetwork, Device, Network, Pair, Peer, Quality, pair
from strata.mesh.process import end_on_signal, end_with_stdin, newest_membership
from strata.mesh.roster import Roster
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "Agent",
    "BadNetwork",
    "CannotListen",
    "Codec",
    "Connection",
    "Device",
    "Direct",
    "Link",
    "LinkClosed",
    "Message",
    "NeighbourBook",
    "Network",
    "Pair",
    "Peer",
    "ProtocolError",
    "Quality",
    "Roster",
    "Transport",
    "Unreachable",
    "Wire",
    "dial",
    "edit_membership",
    "end_on_signal",
    "end_with_stdin",
    "newest_membership",
    "pair",
    "read_membership",
    "run_agent",
    "serve",
    "write_membership",
]
