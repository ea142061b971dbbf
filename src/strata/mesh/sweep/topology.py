"""Who finds weak spots and says which links would mend them."""

from collections.abc import Callable
from dataclasses import dataclass

from strata.mesh.network import LinkChanges, Network
from strata.mesh.topology import WeakSpots, propose, weak_spots


@dataclass(frozen=True)
class Topology:
    """diagnose: the weak spots of a mesh. propose(network, survive): what to change, for it to bear so many losses."""

    diagnose: Callable[[Network], WeakSpots] = weak_spots
    propose: Callable[[Network, int], LinkChanges] = propose


TOPOLOGY = Topology()


def is_weak(weak: WeakSpots, network: Network, survive: int) -> bool:
    """Whether the mesh does not bear the loss of any `survive` peers. Of two, one may be lost."""
    wanted = min(survive + 1, len(network.peers) - 1)
    return len(weak.components) > 1 or weak.vertex_connectivity < wanted
