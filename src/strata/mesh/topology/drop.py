"""Which links can go while the mesh survives as much."""

import numpy as np

from strata.mesh.network import Network
from strata.mesh.roads import Roads
from strata.mesh.topology.case import Case, Chosen
from strata.mesh.topology.demands import Demands
from strata.mesh.topology.disjoint import joined
from strata.mesh.topology.parts import induced


def relieve(case: Case, demands: Demands, chosen: Chosen, network: Network) -> Chosen:
    """Without links of peers that have more than they bear, as far as none is needed: those first that relieve two
    peers, then the slowest. Not always the fewest that could stay.
    """
    spare = _Spare(case, demands, chosen)
    beyond = case.degrees(chosen) - [peer.most_links for peer in network.peers.values()]
    for ends_beyond in (2, 1):
        for link in _slowest_first(case, spare.chosen):
            ends = case.ends[link]
            if (beyond[ends] > 0).sum() >= ends_beyond and spare.let_go(link):
                beyond[ends] -= 1
    return spare.chosen


def prune(case: Case, demands: Demands, chosen: Chosen, network: Network) -> Chosen:
    """Without links that are not needed, and that another way is as quick as: no two peers get further apart. The
    slowest go first; links that are added stay.
    """
    spare = _Spare(case, demands, chosen)
    known = {**network.links, **network.possible}
    links = {each: known[each] for each, kept in zip(case.pairs, chosen, strict=True) if kept}
    roads = Roads(Network(network.peers, links))
    for link in _slowest_first(case, chosen):
        if roads.without(case.pairs[link]) is not None and spare.let_go(link):
            roads.close(case.pairs[link])
    return spare.chosen


def _slowest_first(case: Case, chosen: Chosen) -> list[int]:
    """Of the links that are there."""
    links = np.flatnonzero(chosen & case.there)
    return [int(link) for link in links[np.argsort(-case.microseconds[links], kind="stable")]]


class _Spare:
    """Links that are left, of which one goes after the other unless it is needed."""

    def __init__(self, case: Case, demands: Demands, chosen: Chosen) -> None:
        self.chosen = chosen.copy()
        self._case, self._demands = case, demands
        graph = case.neighbours(chosen & case.between_carriers)
        self._parts: list[tuple[int, dict[int, int], list[list[int]]]] = []
        for need, part in demands.parts:
            kept, inner = induced(graph, part)
            self._parts.append((need, {peer: at for at, peer in enumerate(kept)}, inner))

    def let_go(self, link: int) -> bool:
        """Drop it, and say so, if no failures that are to be survived cut the mesh without it that do not with it."""
        ends = self._case.ends[link].tolist()
        carries = self._case.carries[ends]
        if carries.all():
            if not self._between_carriers(*ends):
                return False
        elif carries.any():  # between two mobile peers a link carries nothing
            own = next(each for each in self._demands.fixed if link in each.links)
            if self.chosen[own.links].sum() <= own.least:
                return False
        self.chosen[link] = False
        return True

    def _between_carriers(self, one: int, other: int) -> bool:
        around = [(n, graph, p[one], p[other]) for n, p, graph in self._parts if one in p and other in p]
        if not all(joined(graph, a, b, need) for need, graph, a, b in around):
            return False
        for _, graph, a, b in around:
            graph[a].remove(b)
            graph[b].remove(a)
        return True
