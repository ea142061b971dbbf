"""The connections of a mesh.

- `Roster`, `read_membership`, `write_membership`, `edit_membership`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path).
- `LinkClosed`, `Unreachable`: how a link ends, or does not begin.
"""

from strata.mesh.links import Link, LinkClosed, Unreachable, dial, serve
from strata.mesh.roster import Roster, edit_membership, read_membership, write_membership

__all__ = [
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
