"""One sweep: what was found, in the mesh's own terms, and the figures of it that the ledger keeps."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strata.mesh.network import Network, Pair
from strata.mesh.sweep.found import Discovery, Known, Probes, network_of
from strata.mesh.sweep.topology import Topology
from strata.mesh.topology import WeakSpots


@dataclass(frozen=True)
class Sweep:
    """number: of the mesh's sweeps. probes: what was measured in this one. seconds: what it took."""

    number: int
    discovery: Discovery
    probes: Probes
    network: Network
    weak: WeakSpots
    seconds: float

    @property
    def reach(self) -> float:
        """Share of the ordered pairs of living members that have a path of links; 0 where too few of them are left."""
        alive = len(self.network.peers)
        joined = sum(len(part) * (len(part) - 1) for part in self.weak.components)
        if alive > 1:
            return joined / (alive * (alive - 1))
        return 0.0 if len(self.discovery.members) > 1 else 1.0

    def figures(self) -> dict[str, Any]:
        """For the ledger and for programs."""
        rtts = [quality.rtt_seconds for quality in self.network.links.values()]
        return {
            "number": self.number,
            "at": self.discovery.at,
            "seconds": self.seconds,
            "members": len(self.discovery.members),
            "alive": len(self.network.peers),
            "dead": list(self.discovery.dead),
            "links": len(self.network.links),
            "probed": len(self.probes),
            "reach": self.reach,
            "components": [list(part) for part in self.weak.components[1:]],
            "articulation_points": list(self.weak.articulation_points),
            "bridges": [list(ends) for ends in self.weak.bridges],
            "vertex_connectivity": self.weak.vertex_connectivity,
            "algebraic_connectivity": self.weak.algebraic_connectivity,
            "rtt_seconds": statistics.median(rtts) if rtts else None,
            "expiring": {name: dict(state.expiring) for name, state in self.discovery.states.items() if state.expiring},
        }


def conclude(
    number: int,
    discovery: Discovery,
    probes: Probes,
    known: Known,
    topology: Topology,
    *,
    seconds: float,
    held_back: Iterable[Pair] = (),
) -> tuple[Sweep, Known]:
    """The sweep that these findings make, and what is known after it."""
    known = known.with_probes(probes, number)
    unreached = {ends for ends, quality in probes.items() if quality is None}
    network = network_of(discovery, known, held_back, unreached)
    return Sweep(number, discovery, probes, network, topology.diagnose(network), seconds), known


def outdated(versions: Mapping[str, str]) -> Mapping[str, str]:
    """Members whose version is not the one that most have (of as many, the later in order), and what that one is."""
    if not versions:
        return {}
    most = max(set(versions.values()), key=lambda each: (list(versions.values()).count(each), each))
    return {name: most for name, version in versions.items() if version != most}
