"""The simulated machines and wires: who is up, who can reach whom, which links are live."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

from strata.mesh.network import Network, Pair, Quality, pair


class World:
    """Nodes have a bit each, so that sets of them are numbers. `told` are the links that nodes were told to keep.

    A link is live when it is there, both ends run, nothing cuts the pair and no split lies between. It is there when it
    is told, or, where links take time to come up, when it is in `there`. stalled: nodes that are up and do nothing,
    which count as little as those that are down. relays: whether what two cannot say to each other others pass on.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names = sorted(network.peers)
        self.known: Mapping[Pair, Quality] = {**network.possible, **network.links}
        self.told = set(network.links)
        self.there: set[Pair] | None = None
        self.stalled: set[str] = set()
        self.relays = True
        self.down: Counter[str] = Counter()
        self.cuts: Counter[Pair] = Counter()
        self.splits: list[frozenset[str]] = []
        self._bit = {name: 1 << at for at, name in enumerate(self.names)}
        self._carriers = sum(self._bit[name] for name in self.names if network.peers[name].carries)

    def up(self, name: str) -> bool:
        """Whether the machine runs."""
        return not self.down[name]

    def runs(self, name: str) -> bool:
        """Whether the machine runs, and does something."""
        return not self.down[name] and name not in self.stalled

    def apart(self, one: str, other: str) -> bool:
        """Whether a split lies between them."""
        return any((one in side) != (other in side) for side in self.splits)

    def dialable(self, one: str, other: str) -> bool:
        """Whether the two could have a link now."""
        ends = pair(one, other)
        known = ends in self.known and not self.cuts[ends]
        return known and self.up(one) and self.up(other) and not self.apart(one, other)

    def live_links(self) -> set[Pair]:
        """Links over which something gets through now."""
        there = self.told if self.there is None else self.there
        return {ends for ends in there if self.dialable(*ends) and self.stalled.isdisjoint(ends)}

    def reach(self) -> dict[int, int]:
        """For each node that runs, by its bit: those that it has a path of live links to, itself left out.

        What passes between two others goes only through who carries.
        """
        near: dict[int, int] = {self._bit[name]: 0 for name in self.names if self.runs(name)}
        for one, other in self.live_links():
            near[self._bit[one]] |= self._bit[other]
            near[self._bit[other]] |= self._bit[one]
        extent: dict[int, int] = {}
        for start in near:
            if start & self._carriers and start not in extent:
                inside = _spread(start, near, self._carriers)
                touched = inside
                for bit in _bits(inside):
                    touched |= near[bit]
                extent.update(dict.fromkeys(_bits(inside), touched))
        found = {}
        for bit, others in near.items():
            reached = extent.get(bit, others)
            if bit not in extent:
                for carrier in _bits(others & self._carriers):
                    reached |= extent[carrier]
            found[bit] = reached & ~bit
        return found

    def path_seconds(self, one: str, other: str) -> tuple[float, float, float] | None:
        """One way from one to the other: seconds, jitter, loss. None where nothing gets through.

        Straight where the two can dial each other; else relayed over live links, by the fewest.
        """
        if self.dialable(one, other):
            found = self.known[pair(one, other)]
            return found.rtt_seconds / 2, found.jitter_seconds, found.loss
        if not self.relays or not self.up(one) or not self.up(other) or self.apart(one, other):
            return None
        route = self._route(one, other)
        if route is None:
            return None
        hops = [self.known[pair(*each)] for each in pairwise(route)]
        kept = 1.0
        for hop in hops:
            kept *= 1 - hop.loss
        return sum(h.rtt_seconds for h in hops) / 2, sum(h.jitter_seconds for h in hops), 1 - kept

    def _route(self, one: str, other: str) -> list[str] | None:
        near: dict[str, list[str]] = {}
        for a, b in sorted(self.live_links()):
            near.setdefault(a, []).append(b)
            near.setdefault(b, []).append(a)
        before, queue = {one: one}, [one]
        for name in queue:
            if name != one and not self.network.peers[name].carries:
                continue
            for each in near.get(name, ()):
                if each not in before:
                    before[each] = name
                    queue.append(each)
        if other not in before:
            return None
        route = [other]
        while route[-1] != one:
            route.append(before[route[-1]])
        return route[::-1]


def _spread(start: int, near: Mapping[int, int], among: int) -> int:
    inside = edge = start
    while edge:
        further = 0
        for bit in _bits(edge):
            further |= near[bit]
        edge = further & among & ~inside
        inside |= edge
    return inside


def _bits(number: int) -> Iterator[int]:
    while number:
        bit = number & -number
        yield bit
        number ^= bit
