"""The quickest ways through a mesh, by round trip."""

import heapq
import math

from strata.mesh.network import Network, Pair


class Roads:
    """The links of a mesh to go along. Only carrying peers are passed through."""

    def __init__(self, network: Network) -> None:
        self._peers = network.peers
        self._near: dict[str, dict[str, float]] = {name: {} for name in network.peers}
        self._known: dict[str, dict[str, str]] = {}
        for (one, other), quality in network.links.items():
            self._near[one][other] = self._near[other][one] = quality.rtt_seconds

    def without(self, link: Pair) -> float | None:
        """Seconds of the quickest way between the ends of this link that goes round it; None if it takes longer."""
        one, other = link
        direct = self._near[one].pop(other)
        self._near[other].pop(one)
        seconds = self._search(one, other, direct)[1].get(other)
        self._near[one][other] = self._near[other][one] = direct
        return None if seconds is None else seconds[0]

    def close(self, link: Pair) -> None:
        """Do not go along it any more."""
        del self._near[link[0]][link[1]], self._near[link[1]][link[0]]
        self._known.clear()

    def quickest(self, source: str, target: str) -> tuple[str, ...] | None:
        """Whom the quickest way passes, with both ends, and of several one of the fewest links; None without one."""
        if source not in self._known:
            self._known[source] = self._search(source)[0]
        before = self._known[source]
        if target not in before:
            return None
        way = [target]
        while way[-1] != source:
            way.append(before[way[-1]])
        return tuple(reversed(way))

    def _search(
        self, source: str, target: str | None = None, within: float = math.inf
    ) -> tuple[dict[str, str], dict[str, tuple[float, int]]]:
        """Dijkstra's search to the target, or to all: whom each is reached from, in how many seconds and links."""
        best: dict[str, tuple[float, int]] = {source: (0.0, 0)}
        before = {source: source}
        heap = [(0.0, 0, source)]
        while heap:
            seconds, steps, name = heapq.heappop(heap)
            if name == target:
                break
            if (seconds, steps) > best[name] or (name != source and not self._peers[name].carries):
                continue
            for other, more in self._near[name].items():
                reached = (seconds + more, steps + 1)
                if reached[0] <= within and reached < best.get(other, (math.inf, 0)):
                    best[other] = reached
                    before[other] = name
                    heapq.heappush(heap, (*reached, other))
        return before, best
