"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path); `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `CannotListen`: how a link ends, or does not begin.
- `open_host`, `dial_peer`: hosts of libp2p inside the same channel (needs the extra `mesh`).
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.connect import HANDSHAKE_SECONDS, CannotListen, Unreachable, dial, serve
from strata.mesh.links import Link, LinkClosed
from strata.mesh.network import BadNetwork, Device, Network, Pair, Peer, Quality, pair
from strata.mesh.roster import Roster
from strata.mesh.transport import dial_peer, open_host
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "BadNetwork",
    "CannotListen",
    "Device",
    "Link",
    "LinkClosed",
    "Network",
    "Pair",
    "Peer",
    "Quality",
    "Roster",
    "Unreachable",
    "dial",
    "dial_peer",
    "edit_membership",
    "open_host",
    "pair",
    "read_membership",
    "serve",
    "write_membership",
]
