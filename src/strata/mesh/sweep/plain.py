"""A plain topology, by networkx: weak spots exactly, and links that are added greedily, the nearest first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.mesh.network import Network, Pair
from strata.mesh.sweep.topology import Topology

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True)
class PlainSpots:
    """As `WeakSpots`."""

    components: tuple[tuple[str, ...], ...]
    articulation_points: tuple[str, ...]
    bridges: tuple[Pair, ...]
    vertex_connectivity: int
    algebraic_connectivity: float


@dataclass(frozen=True)
class PlainProposal:
    """As `Proposal`."""

    add: tuple[Pair, ...]
    drop: tuple[Pair, ...]
    survives: int


def diagnose(network: Network) -> PlainSpots:
    """The weak spots of the graph of links; mobile peers are taken for ones that carry."""
    import networkx

    graph = _graph(network)
    whole = len(graph) > 1 and networkx.is_connected(graph)
    parts = sorted(networkx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    return PlainSpots(
        components=tuple(tuple(sorted(part)) for part in parts),
        articulation_points=tuple(sorted(networkx.articulation_points(graph))),
        bridges=tuple(sorted(tuple(sorted(ends)) for ends in networkx.bridges(graph))),
        vertex_connectivity=networkx.node_connectivity(graph) if whole else 0,
        algebraic_connectivity=networkx.algebraic_connectivity(graph, method="lanczos") if whole else 0.0,
    )


def propose(network: Network, survive: int = 1) -> PlainProposal:
    """Add links until the mesh is whole, then until it bears so many losses, as far as there are possible ones."""
    import networkx

    graph = _graph(network)
    wanted = min(survive + 1, len(graph) - 1)
    added: list[Pair] = []
    for joins in (lambda one, other: not networkx.has_path(graph, one, other),
                  lambda one, other: networkx.node_connectivity(graph, one, other) < wanted):  # fmt: skip
        _add(network, graph, added, joins)
    whole = len(graph) > 1 and networkx.is_connected(graph)
    return PlainProposal(tuple(added), (), networkx.node_connectivity(graph) - 1 if whole else 0)


def _add(network: Network, graph: "networkx.Graph[str]", added: list[Pair], joins: Callable[[str, str], bool]) -> None:
    for (one, other), quality in sorted(network.possible.items(), key=lambda item: (item[1].rtt_seconds, item[0])):
        room = all(graph.degree[end] < network.peers[end].most_links for end in (one, other))
        if room and not graph.has_edge(one, other) and joins(one, other):
            graph.add_edge(one, other, rtt=quality.rtt_seconds)
            added.append((one, other))


def _graph(network: Network) -> "networkx.Graph[str]":
    import networkx

    graph: networkx.Graph[str] = networkx.Graph()
    graph.add_nodes_from(network.peers)
    graph.add_edges_from(network.links)
    return graph


TOPOLOGY = Topology(diagnose, propose)
