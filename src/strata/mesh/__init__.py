"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path), which begin with an ECH-style hello
  and may go through a front; `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `EchRequired`, `CannotListen`: how a link ends, or does not begin.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path); `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `CannotListen`: how a link ends, or does not begin.
- `open_host`, `dial_peer`: hosts of libp2p inside the same channel (needs the extra `mesh`).
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `weak_spots`, `WeakSpots`, `propose`, `Proposal`, `MOST_SURVIVED`: what would cut a mesh, and which links mend it.
- `allocate`, `Allocation`, `Share`, `Flow`, `Kind`, `WEIGHTS`, `read_flows`, `BadFlows`: bandwidth, shared fairly.
- `TokenBucket`, `TooFast`, `Shaper`, `Due`: rates kept to.
- `simulate_mesh`, `Scenario` (of `Spell`s), `Figures`: a mesh on simulated time and faults.
- `measure_detection`, `quantiles`: how long crashes go unnoticed in it.
- `Mender`, `join_blocks`, `leave_alone`, `Remembering`, `RandomLinks`: what its sweeps ask for.
- `sparse_mesh`, `dialling_mesh`: made-up meshes.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.bandwidth import (
    WEIGHTS,
    Allocation,
    BadFlows,
    Due,
    Flow,
    Kind,
    Shaper,
    Share,
    TokenBucket,
    TooFast,
    allocate,
    read_flows,
)
from strata.mesh.connect import HANDSHAKE_SECONDS, EchRequired, Unreachable, dial
from strata.mesh.links import Link, LinkClosed
from strata.mesh.listen import CannotListen, serve
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
from strata.mesh.topology import MOST_SURVIVED, Proposal, WeakSpots, propose, weak_spots
from strata.mesh.transport import dial_peer, open_host
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "MOST_SURVIVED",
    "WEIGHTS",
    "Allocation",
    "BadFlows",
    "BadNetwork",
    "CannotListen",
    "Device",
    "Due",
    "EchRequired",
    "Figures",
    "Flow",
    "Kind",
    "Link",
    "LinkClosed",
    "Mender",
    "Network",
    "Pair",
    "Peer",
    "Proposal",
    "Quality",
    "RandomLinks",
    "Remembering",
    "Roster",
    "Scenario",
    "Shaper",
    "Share",
    "Spell",
    "TokenBucket",
    "TooFast",
    "Unreachable",
    "WeakSpots",
    "allocate",
    "dial",
    "dial_peer",
    "dialling_mesh",
    "edit_membership",
    "join_blocks",
    "leave_alone",
    "measure_detection",
    "open_host",
    "pair",
    "propose",
    "quantiles",
    "read_flows",
    "read_membership",
    "serve",
    "simulate_mesh",
    "sparse_mesh",
    "weak_spots",
    "write_membership",
]
