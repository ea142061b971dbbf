"""Who carries what passes between others, and how many peers a mesh can lose before it is in parts."""

from strata.mesh.network import Network
from strata.mesh.topology.disjoint import Graph, separators


def carriers(network: Network) -> dict[str, set[str]]:
    """The carrying peers, and which of them each is linked with."""
    return {
        name: {other for other in network.neighbours[name] if network.peers[other].carries}
        for name, peer in network.peers.items()
        if peer.carries
    }


def attached(network: Network) -> dict[str, set[str]]:
    """The mobile peers, and which carrying peers each is linked with."""
    return {
        name: {other for other in network.neighbours[name] if network.peers[other].carries}
        for name, peer in network.peers.items()
        if not peer.carries
    }


def smallest_cut(network: Network, most: int) -> int | None:
    """The fewest peers whose loss leaves the others in parts; None where it takes more than `most`.

    In parts: two of them have no path between them that leads through carrying peers only, or no carrying peer is left
    to two mobile ones.
    """
    carrying, mobile = carriers(network), attached(network)
    graph = numbered(carrying)
    cuts = [len(held) for held in mobile.values() if len(held) < len(carrying)]
    if len(mobile) > 1:
        cuts.append(len(carrying))
    cuts += [len(others) for others in graph if len(others) < len(graph) - 1]
    least = min([most + 1, *cuts])
    while (cut := next(separators(graph, least), None)) is not None:
        least = len(cut[1])
    return least if least <= most else None


def numbered(neighbours: dict[str, set[str]]) -> Graph:
    """The same graph of numbers, in the order of the names given."""
    number = {name: at for at, name in enumerate(neighbours)}
    return [sorted(number[other] for other in others) for others in neighbours.values()]
