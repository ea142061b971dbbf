"""The quickest way through a mesh from one peer to another, by round trip."""

import heapq
import math

from strata.mesh.network import Network, Pair


class Roads:
    """The links of a mesh to go along. Only carrying peers are passed through."""

    def __init__(self, network: Network) -> None:
        self._peers = network.peers
        self._near: dict[str, dict[str, float]] = {name: {} for name in network.peers}
        for (one, other), quality in network.links.items():
            self._near[one][other] = self._near[other][one] = quality.rtt_seconds

    def open(self, link: Pair, seconds: float) -> None:
        """Go along it again."""
        self._near[link[0]][link[1]] = self._near[link[1]][link[0]] = seconds

    def close(self, link: Pair) -> None:
        """Do not go along it any more."""
        del self._near[link[0]][link[1]], self._near[link[1]][link[0]]

    def quickest(self, source: str, target: str, seconds: float = math.inf) -> tuple[str, ...] | None:
        """Whom the quickest way passes, with both ends; None where none takes no longer than that.

        Of several that are as quick, one of the fewest links.
        """
        best: dict[str, tuple[float, int]] = {source: (0.0, 0)}
        before: dict[str, str] = {}
        heap = [(0.0, 0, source)]
        while heap:
            taken, steps, name = heapq.heappop(heap)
            if name == target:
                way = [target]
                while way[-1] != source:
                    way.append(before[way[-1]])
                return tuple(reversed(way))
            if (taken, steps) > best[name] or (name != source and not self._peers[name].carries):
                continue
            for other, more in self._near[name].items():
                reached = (taken + more, steps + 1)
                if reached[0] <= seconds and reached < best.get(other, (math.inf, 0)):
                    best[other] = reached
                    before[other] = name
                    heapq.heappush(heap, (*reached, other))
        return None
