"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path), which begin with an ECH-style hello
  and may go through a front; `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `EchRequired`, `CannotListen`: how a link ends, or does not begin.
- `offering`, `AGENT`, `INFERENCE`: several services behind one listener.
- `open_host`, `dial_peer`, `RelayLimits`: hosts of libp2p inside the same channel (needs the extra `mesh`).
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `weak_spots`, `WeakSpots`, `propose`, `Proposal`, `MOST_SURVIVED`: what would cut a mesh, and which links mend it.
- `allocate`, `Allocation`, `Share`, `Flow`, `Kind`, `WEIGHTS`, `read_flows`, `BadFlows`: bandwidth, shared fairly.
- `TokenBucket`, `TooFast`: a rate kept to.
- `simulate_mesh`, `Scenario` (of `Spell`s), `Figures`: a mesh on simulated time and faults.
- `measure_detection`, `quantiles`: how long crashes go unnoticed in it.
- `Mender`, `leave_alone`, `Remembering`, `RandomLinks`: what its sweeps ask for.
- `sparse_mesh`, `dialling_mesh`: made-up meshes.
- `Message`, `Codec`, `Wire`, `Connection`, `ProtocolError`: messages over a link, whatever their protocol.
- `newest_membership`, `open_roster`, `keep_known`, `end_on_signal`, `end_with_stdin`: what every process of a member
  does.
- `ECH_CONFIG`: what agents call the config that they offer, where they say when it runs out.
- `Agent`, `NeighbourBook`, `run_agent`: a member's agent, which keeps at most `MOST_LINKS` links, and probes; over a
  `Transport`: `Direct` links, `Libp2p` hosts, or `Either`. `Lookout`, `HeldState`: what some agents hold of the others.
- `OwnMember`, `open_agent`, `until_told`: what the process of a member is made of, whatever it serves beside its agent.
- `LocalMesh`, `LocalNodes`, `LocalNode`, `NodeDidNotStart`: members as processes on this machine.
- `RayNodes`, `NodesWanted`, `Portion`, `NodeNews`, `NodeIncidents`: nodes on the machines of a Ray cluster (needs the
  extra `ray`); `being_up`, `take_down`, `AlreadyUp`: one process that keeps them up.
- `Coordinator`, `sweep_and_mend`, `sweep_once`, `note_connections`: sweeping a mesh, with all that
  `strata.mesh.sweep` lists;
  `recent_sweeps`, `Recent`, `Seen`: what sweeps have found of late.
- `mesh_page`, `mesh_plot`: a sweep for people.
- `serve_page`, `Serving`, `MeshEye`, `MeshView`: a page with which a browser joins; `Ask`, `Answered`, `AskFailed`: who
  answers its questions (needs the extra `mesh`).
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.agent import (
    ECH_CONFIG,
    MOST_LINKS,
    Agent,
    Direct,
    Either,
    HeldState,
    Lookout,
    NeighbourBook,
    OwnMember,
    open_agent,
    run_agent,
    until_told,
)
from strata.mesh.bandwidth import (
    WEIGHTS,
    Allocation,
    BadFlows,
    Flow,
    Kind,
    Share,
    TokenBucket,
    TooFast,
    allocate,
    read_flows,
)
from strata.mesh.connect import HANDSHAKE_SECONDS, EchRequired, Unreachable, dial
from strata.mesh.links import Link, LinkClosed
from strata.mesh.listen import CannotListen, serve
from strata.mesh.local import LocalMesh, LocalNode, LocalNodes
from strata.mesh.messaging import Codec, Connection, Message, ProtocolError, Wire
from strata.mesh.network import BadNetwork, Device, Network, Pair, Peer, Quality, pair
from strata.mesh.page import Answered, Ask, AskFailed, MeshEye, MeshView, Serving, serve_page
from strata.mesh.port import Transport
from strata.mesh.process import end_on_signal, end_with_stdin, keep_known, newest_membership, open_roster
from strata.mesh.ray_nodes import (
    AlreadyUp,
    NodeIncidents,
    NodeNews,
    NodesWanted,
    Portion,
    RayNodes,
    being_up,
    take_down,
)
from strata.mesh.report import mesh_page, mesh_plot
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT, INFERENCE, offering
from strata.mesh.simulate import (
    Figures,
    Mender,
    RandomLinks,
    Remembering,
    Scenario,
    Spell,
    dialling_mesh,
    leave_alone,
    measure_detection,
    quantiles,
    simulate_mesh,
    sparse_mesh,
)
from strata.mesh.started import NodeDidNotStart
from strata.mesh.sweep import (
    TOPOLOGY,
    Applied,
    Assignment,
    Change,
    Coordinator,
    Discovery,
    Kept,
    Mended,
    Moment,
    Probes,
    Recent,
    Seen,
    Sweep,
    begun,
    change_for,
    change_sentence,
    end_incidents,
    finish,
    look,
    mended_sentences,
    moments,
    note_connections,
    peer_rows,
    plan_probes,
    read_kept,
    recent_sweeps,
    settled,
    state_rows,
    sweep_and_mend,
    sweep_once,
    sweep_sentence,
    taken_back,
    unjudged,
    uptime,
    write_down,
    write_kept,
)
from strata.mesh.topology import MOST_SURVIVED, Proposal, WeakSpots, propose, weak_spots
from strata.mesh.transport import Libp2p, RelayLimits, dial_peer, open_host
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "AGENT",
    "ECH_CONFIG",
    "HANDSHAKE_SECONDS",
    "INFERENCE",
    "MOST_LINKS",
    "MOST_SURVIVED",
    "TOPOLOGY",
    "WEIGHTS",
    "Agent",
    "Allocation",
    "AlreadyUp",
    "Answered",
    "Applied",
    "Ask",
    "AskFailed",
    "Assignment",
    "BadFlows",
    "BadNetwork",
    "CannotListen",
    "Change",
    "Codec",
    "Connection",
    "Coordinator",
    "Device",
    "Direct",
    "Discovery",
    "EchRequired",
    "Either",
    "Figures",
    "Flow",
    "HeldState",
    "Kept",
    "Kind",
    "Libp2p",
    "Link",
    "LinkClosed",
    "LocalMesh",
    "LocalNode",
    "LocalNodes",
    "Lookout",
    "Mended",
    "Mender",
    "MeshEye",
    "MeshView",
    "Message",
    "Moment",
    "NeighbourBook",
    "Network",
    "NodeDidNotStart",
    "NodeIncidents",
    "NodeNews",
    "NodesWanted",
    "OwnMember",
    "Pair",
    "Peer",
    "Portion",
    "Probes",
    "Proposal",
    "ProtocolError",
    "Quality",
    "RandomLinks",
    "RayNodes",
    "Recent",
    "RelayLimits",
    "Remembering",
    "Roster",
    "Scenario",
    "Seen",
    "Serving",
    "Share",
    "Spell",
    "Sweep",
    "TokenBucket",
    "TooFast",
    "Transport",
    "Unreachable",
    "WeakSpots",
    "Wire",
    "allocate",
    "begun",
    "being_up",
    "change_for",
    "change_sentence",
    "dial",
    "dial_peer",
    "dialling_mesh",
    "edit_membership",
    "end_incidents",
    "end_on_signal",
    "end_with_stdin",
    "finish",
    "keep_known",
    "leave_alone",
    "look",
    "measure_detection",
    "mended_sentences",
    "mesh_page",
    "mesh_plot",
    "moments",
    "newest_membership",
    "note_connections",
    "offering",
    "open_agent",
    "open_host",
    "open_roster",
    "pair",
    "peer_rows",
    "plan_probes",
    "propose",
    "quantiles",
    "read_flows",
    "read_kept",
    "read_membership",
    "recent_sweeps",
    "run_agent",
    "serve",
    "serve_page",
    "settled",
    "simulate_mesh",
    "sparse_mesh",
    "state_rows",
    "sweep_and_mend",
    "sweep_once",
    "sweep_sentence",
    "take_down",
    "taken_back",
    "unjudged",
    "until_told",
    "uptime",
    "weak_spots",
    "write_down",
    "write_kept",
    "write_membership",
]
