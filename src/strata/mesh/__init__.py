"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path); `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `CannotListen`: how a link ends, or does not begin.
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `simulate_mesh`, `Scenario` (of `Spell`s), `Figures`: a mesh on simulated time and faults.
- `measure_detection`, `quantiles`: how long crashes go unnoticed in it.
- `Mender`, `join_blocks`, `leave_alone`, `Remembering`, `RandomLinks`: what its sweeps ask for.
- `sparse_mesh`, `dialling_mesh`: made-up meshes.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.connect import HANDSHAKE_SECONDS, CannotListen, Unreachable, dial, serve
from strata.mesh.links import Link, LinkClosed
from strata.mesh.network import BadNetwork, Device, Network, Pair, Peer, Quality, pair
from strata.mesh.roster import Roster
from strata.mesh.simulate import (
    Figures,
    Mender,
    RandomLinks,
    Remembering,
    Scenario,
    Spell,
    dialling_mesh,
    join_blocks,
    leave_alone,
    measure_detection,
    quantiles,
    simulate_mesh,
    sparse_mesh,
)
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "BadNetwork",
    "CannotListen",
    "Device",
    "Figures",
    "Link",
    "LinkClosed",
    "Mender",
    "Network",
    "Pair",
    "Peer",
    "Quality",
    "RandomLinks",
    "Remembering",
    "Roster",
    "Scenario",
    "Spell",
    "Unreachable",
    "dial",
    "dialling_mesh",
    "edit_membership",
    "join_blocks",
    "leave_alone",
    "measure_detection",
    "pair",
    "quantiles",
    "read_membership",
    "serve",
    "simulate_mesh",
    "sparse_mesh",
    "write_membership",
]
