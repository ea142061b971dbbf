"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path), which begin with an ECH-style hello
  and may go through a front; `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `EchRequired`, `CannotListen`: how a link ends, or does not begin.
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.connect import HANDSHAKE_SECONDS, EchRequired, Unreachable, dial
from strata.mesh.links import Link, LinkClosed
from strata.mesh.listen import CannotListen, serve
from strata.mesh.network import BadNetwork, Device, Network, Pair, Peer, Quality, pair
from strata.mesh.roster import Roster
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "BadNetwork",
    "CannotListen",
    "Device",
    "EchRequired",
    "Link",
    "LinkClosed",
    "Network",
    "Pair",
    "Peer",
    "Quality",
    "Roster",
    "Unreachable",
    "dial",
    "edit_membership",
    "pair",
    "read_membership",
    "serve",
    "write_membership",
]
