"""The connections of a mesh.

- `Roster`: the membership a node goes by.
- `Link`, `dial`, `serve`: encrypted links between members (the direct bulk path); `HANDSHAKE_SECONDS`, how long to try.
- `LinkClosed`, `Unreachable`, `CannotListen`: how a link ends, or does not begin.
- `Message`, `Codec`, `Wire`, `Connection`, `ProtocolError`: messages over a link, whatever their protocol.
- `Network`, `Peer`, `Device`, `Quality`, `Pair`, `pair`, `BadNetwork`: a mesh as somebody sees it, and `GRAPH.json`.
- `newest_membership`, `end_on_signal`, `end_with_stdin`: what every process of a member does.
- `Agent`, `NeighbourBook`, `run_agent`: a member's agent, which keeps links and probes; over `Transport`, `Direct`.
- `LocalMesh`, `LocalNodes`, `LocalNode`, `NodeDidNotStart`: members as processes on this machine.
- `Coordinator`, `sweep_and_mend`, `sweep_once`: sweeping a mesh, with all that `strata.mesh.sweep` lists.
- `mesh_page`, `mesh_plot`: a sweep for people.
- `read_membership`, `write_membership`, `edit_membership`: the membership file, from `strata.secure`.
"""

from strata.mesh.agent import Agent, Direct, NeighbourBook, Transport, run_agent
from strata.mesh.connect import HANDSHAKE_SECONDS, CannotListen, Unreachable, dial, serve
from strata.mesh.links import Link, LinkClosed
from strata.mesh.local import LocalMesh, LocalNode, LocalNodes, NodeDidNotStart
from strata.mesh.messaging import Codec, Connection, Message, ProtocolError, Wire
from strata.mesh.network import BadNetwork, Device, Network, Pair, Peer, Quality, pair
from strata.mesh.process import end_on_signal, end_with_stdin, newest_membership
from strata.mesh.report import mesh_page, mesh_plot
from strata.mesh.roster import Roster
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
    Sweep,
    change_for,
    change_sentence,
    finish,
    look,
    mended_sentences,
    moments,
    peer_rows,
    plan_probes,
    read_kept,
    state_rows,
    sweep_and_mend,
    sweep_once,
    sweep_sentence,
    taken_back,
    write_down,
    write_kept,
)
from strata.secure import edit_membership, read_membership, write_membership

__all__ = [
    "HANDSHAKE_SECONDS",
    "TOPOLOGY",
    "Agent",
    "Applied",
    "Assignment",
    "BadNetwork",
    "CannotListen",
    "Change",
    "Codec",
    "Connection",
    "Coordinator",
    "Device",
    "Direct",
    "Discovery",
    "Kept",
    "Link",
    "LinkClosed",
    "LocalMesh",
    "LocalNode",
    "LocalNodes",
    "Mended",
    "Message",
    "Moment",
    "NeighbourBook",
    "Network",
    "NodeDidNotStart",
    "Pair",
    "Peer",
    "Probes",
    "ProtocolError",
    "Quality",
    "Roster",
    "Sweep",
    "Transport",
    "Unreachable",
    "Wire",
    "change_for",
    "change_sentence",
    "dial",
    "edit_membership",
    "end_on_signal",
    "end_with_stdin",
    "finish",
    "look",
    "mended_sentences",
    "mesh_page",
    "mesh_plot",
    "moments",
    "newest_membership",
    "pair",
    "peer_rows",
    "plan_probes",
    "read_kept",
    "read_membership",
    "run_agent",
    "serve",
    "state_rows",
    "sweep_and_mend",
    "sweep_once",
    "sweep_sentence",
    "taken_back",
    "write_down",
    "write_kept",
    "write_membership",
]
