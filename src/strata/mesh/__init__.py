"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path); `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `CannotListen`: how a link ends, or does not begin.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.connect import HANDSHAKE_SECONDS, CannotListen, Unreachable, dial, serve
from strata.mesh.links import Link, LinkClosed
from strata.mesh.roster import Roster
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "CannotListen",
    "Link",
    "LinkClosed",
    "Roster",
    "Unreachable",
    "dial",
    "edit_membership",
    "read_membership",
    "serve",
    "write_membership",
]
