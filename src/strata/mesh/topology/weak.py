"""The weak spots of a mesh: single peers and links whose loss would cut it, and how much it can lose."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.mesh.network import Network, Pair, pair
from strata.mesh.topology.carriers import attached, carriers, smallest_cut

if TYPE_CHECKING:
    import networkx

MOST_CONNECTIVITY = 8  # of a large mesh no more is looked for
_SMALL = 100  # peers


@dataclass(frozen=True, slots=True)
class WeakSpots:
    """components: names, the largest part first; a mobile peer counts to the largest part that it is linked with.

    articulation_points, bridges: peers and links whose loss leaves a component in parts. vertex_connectivity: the
    fewest peers whose loss leaves the rest in parts, or leaves one peer; of more than 100 peers, 8 means 8 or more.
    algebraic_connectivity: second smallest eigenvalue of the Laplacian of the carrying peers, 0 where they are in
    parts, never above their vertex connectivity unless all are linked with all (Fiedler 1973).
    """

    components: tuple[tuple[str, ...], ...]
    articulation_points: tuple[str, ...]
    bridges: tuple[Pair, ...]
    vertex_connectivity: int
    algebraic_connectivity: float


def weak_spots(network: Network) -> WeakSpots:
    """Find them. Mobile peers carry nothing: no path leads through one, and links between two of them count nothing."""
    import networkx

    carrying = carriers(network)
    graph = networkx.Graph()
    graph.add_nodes_from(carrying)
    graph.add_edges_from((one, other) for one, others in carrying.items() for other in others)
    parts = sorted(networkx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    components = [set(part) for part in parts]
    points = set(networkx.articulation_points(graph))
    bridges = {pair(*each) for each in networkx.bridges(graph)}
    alone: list[tuple[int, str, str]] = []  # mobile peers that one peer holds: in which part, both names
    for mobile, holders in attached(network).items():
        home = next((at for at, part in enumerate(parts) if holders & part), None)
        if home is None:
            components.append({mobile})
            continue
        components[home].add(mobile)
        if len(near := holders & parts[home]) == 1:
            alone.append((home, mobile, *near))
    for home, mobile, holder in alone:
        bridges.add(pair(mobile, holder))
        if len(components[home]) > 2:
            points.add(holder)
    size = len(network.peers)
    most = MOST_CONNECTIVITY if size > _SMALL else max(size - 1, 0)
    cut = smallest_cut(network, most)
    return WeakSpots(
        tuple(sorted((tuple(sorted(part)) for part in components), key=lambda part: (-len(part), part))),
        tuple(sorted(points)),
        tuple(sorted(bridges)),
        most if cut is None else cut,
        _algebraic(graph) if len(parts) == 1 and len(graph) > 1 else 0.0,
    )


def _algebraic(graph: "networkx.Graph[str]") -> float:
    import networkx
    import numpy as np
    from scipy.sparse.linalg import eigsh

    laplacian = networkx.laplacian_matrix(graph).astype(float).tocsc()
    if len(graph) <= _SMALL:
        return float(np.linalg.eigvalsh(laplacian.toarray())[1])
    # Below zero nothing is singular: the two eigenvalues nearest to there are the smallest.
    start = np.random.default_rng(0).random(len(graph))
    return float(sorted(eigsh(laplacian, 2, sigma=-1e-3, v0=start, return_eigenvectors=False))[1])
