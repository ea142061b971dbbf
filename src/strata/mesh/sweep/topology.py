"""The port to whoever finds weak spots and says which links would mend them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from strata.mesh.network import Network, Pair


class WeakSpots(Protocol):
    """components: names, the largest part first; peers and links whose loss cuts one; how much the mesh can lose."""

    @property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """The parts."""

    @property
    def articulation_points(self) -> tuple[str, ...]:
        """Peers whose loss cuts a part in two."""

    @property
    def bridges(self) -> tuple[Pair, ...]:
        """Links whose loss does."""

    @property
    def vertex_connectivity(self) -> int:
        """The fewest peers whose loss leaves the others in parts."""

    @property
    def algebraic_connectivity(self) -> float:
        """Second smallest eigenvalue of the Laplacian."""


class Proposal(Protocol):
    """Links to add, of those that are possible, and to drop; survives: losses that the mesh then bears."""

    @property
    def add(self) -> tuple[Pair, ...]:
        """To dial."""

    @property
    def drop(self) -> tuple[Pair, ...]:
        """To close."""

    @property
    def survives(self) -> int:
        """Any so many peers may be lost."""


@dataclass(frozen=True)
class Topology:
    """diagnose: the weak spots of a mesh. propose(network, survive): what to change, for it to bear so many losses."""

    diagnose: Callable[[Network], WeakSpots]
    propose: Callable[[Network, int], Proposal]


def is_weak(weak: WeakSpots, network: Network, survive: int) -> bool:
    """Whether the mesh does not bear the loss of any `survive` peers. Of two, one may be lost."""
    wanted = min(survive + 1, len(network.peers) - 1)
    return len(weak.components) > 1 or weak.vertex_connectivity < wanted
