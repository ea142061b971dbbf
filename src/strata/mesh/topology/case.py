"""A mesh to be mended, in numbers: all links that are there or could be, what each costs, what each peer bears."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strata.mesh.network import Network, Pair

_MICROSECONDS = 1e6
Chosen = NDArray[np.bool_]  # of all links, in their order: whether it is there


@dataclass(frozen=True)
class Case:
    """pairs: the links that are there, then the possible ones. ends: (links, 2), of peers in the order of `names`."""

    names: tuple[str, ...]
    carries: NDArray[np.bool_]
    pairs: tuple[Pair, ...]
    ends: NDArray[np.int64]
    there: Chosen
    microseconds: NDArray[np.int64]
    bears: NDArray[np.int64]  # links of each peer; what it has already, where that is more

    @classmethod
    def of(cls, network: Network) -> "Case":
        """The case of a network."""
        names = tuple(network.peers)
        number = {name: at for at, name in enumerate(names)}
        pairs = (*network.links, *network.possible)
        qualities = (*network.links.values(), *network.possible.values())
        has = [len(network.neighbours[name]) for name in names]
        most = [peer.most_links for peer in network.peers.values()]
        return cls(
            names,
            np.array([peer.carries for peer in network.peers.values()], bool),
            pairs,
            np.array([[number[one], number[other]] for one, other in pairs], np.int64).reshape(-1, 2),
            np.arange(len(pairs)) < len(network.links),
            np.array([round(each.rtt_seconds * _MICROSECONDS) for each in qualities], np.int64),
            np.maximum(np.array(has, np.int64), np.array(most, np.int64)),
        )

    @cached_property
    def full(self) -> Chosen:
        """Of the links that are there, those with an end that bears no more."""
        full = self.degrees(self.there) >= self.bears
        return self.there & full[self.ends].any(axis=1)

    @cached_property
    def between_carriers(self) -> Chosen:
        """The links both ends of which carry."""
        return self.carries[self.ends[:, 0]] & self.carries[self.ends[:, 1]]

    def degrees(self, chosen: Chosen) -> NDArray[np.int64]:
        """How many links each peer has."""
        return np.bincount(self.ends[chosen].ravel(), minlength=len(self.names))

    def cost(self, chosen: Chosen) -> tuple[int, int]:
        """Microseconds of round trip of the links that are added, and how many links are added or dropped."""
        return int(self.microseconds[chosen & ~self.there].sum()), int((chosen != self.there).sum())

    def neighbours(self, chosen: Chosen) -> list[list[int]]:
        """Of each peer."""
        found: list[list[int]] = [[] for _ in self.names]
        for one, other in self.ends[chosen].tolist():
            found[one].append(other)
            found[other].append(one)
        return found
