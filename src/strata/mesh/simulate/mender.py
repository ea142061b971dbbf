"""Menders that need no optimiser: none, a simple one, and random links to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.mesh.network import Network, Pair
from strata.mesh.simulate.chance import chance
from strata.mesh.simulate.sweeping import Mender, Proposal

if TYPE_CHECKING:
    import networkx


@dataclass(frozen=True)
class Wanted:
    """A proposal."""

    add: tuple[Pair, ...] = ()
    drop: tuple[Pair, ...] = ()


def leave_alone(network: Network) -> Wanted:
    """Change nothing."""
    return Wanted()


def join_blocks(network: Network) -> Wanted:
    """The quickest possible links, one by one, between parts and then between end blocks, until no node cuts the mesh.

    Greedy: usually some links more than needed (Eswaran and Tarjan 1976 has the fewest).
    """
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(name for name, peer in network.peers.items() if peer.carries)
    graph.add_edges_from(ends for ends in network.links if ends[0] in graph and ends[1] in graph)
    free = {name: network.peers[name].most_links - len(network.neighbours[name]) for name in network.peers}
    by_speed = sorted(network.possible, key=lambda ends: (network.possible[ends].rtt_seconds, ends))
    added: list[Pair] = []
    while (group := _groups(graph)) is not None:
        joins = (
            ends
            for ends in by_speed
            if all(end in group and free[end] > 0 for end in ends) and group[ends[0]] != group[ends[1]]
        )
        if (chosen := next(joins, None)) is None:
            break
        graph.add_edge(*chosen)
        added.append(chosen)
        for end in chosen:
            free[end] -= 1
    return Wanted(tuple(added))


def _groups(graph: "networkx.Graph") -> dict[str, int] | None:
    """Sets of nodes of which two must be joined, by number; None where no single node cuts the graph."""
    import networkx

    parts = list(networkx.connected_components(graph))
    if len(parts) > 1:
        return {name: number for number, part in enumerate(parts) for name in part}
    cuts = set(networkx.articulation_points(graph))
    if not cuts:
        return None
    blocks = [set(block) for block in networkx.biconnected_components(graph)]
    ends = [block - cuts for block in blocks if len(block & cuts) == 1]
    return {name: number for number, block in enumerate(ends) for name in block}


class Remembering:
    """Asks a mender whose answer hangs on the network alone; the same network again is answered from memory."""

    def __init__(self, mender: Mender) -> None:
        self._mender = mender
        self._seen: dict[tuple[frozenset[str], frozenset[Pair], frozenset[Pair]], Proposal] = {}

    def __call__(self, network: Network) -> Proposal:
        """What the other one wants. Qualities are no part of what is looked up: in a simulation they stay."""
        state = frozenset(network.peers), frozenset(network.links), frozenset(network.possible)
        if (wanted := self._seen.get(state)) is None:
            wanted = self._seen[state] = self._mender(network)
        return wanted


class RandomLinks:
    """In each sweep as many links as another run added and dropped in it, but at random; drops only its own.

    What choosing them well gains is what that run has more than this one. A link that did not come about is made up for
    by another one in the next sweep.
    """

    def __init__(self, changes: Sequence[tuple[int, int]], seed: int) -> None:
        self._changes = iter(changes)
        self._random = chance(seed, "random links")
        self._own: set[Pair] = set()
        self._latest: frozenset[Pair] = frozenset()
        self._owed = 0

    def __call__(self, network: Network) -> Wanted:
        """Any possible ones."""
        adds, drops = next(self._changes)
        failed = self._latest & network.possible.keys()
        self._own -= failed
        self._owed += adds + len(failed)
        possible, own = sorted(network.possible), sorted(self._own & network.links.keys())
        add = self._random.sample(possible, min(self._owed, len(possible)))
        drop = self._random.sample(own, min(drops, len(own)))
        self._owed -= len(add)
        self._latest = frozenset(add)
        self._own = self._own.union(add).difference(drop)
        return Wanted(tuple(add), tuple(drop))
