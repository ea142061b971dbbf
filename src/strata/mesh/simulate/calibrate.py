"""How long the detector takes to notice a crash, measured by the detailed simulation."""

from dataclasses import replace

from strata.errors import StrataError
from strata.mesh.members import LAN, Timing
from strata.mesh.network import Network
from strata.mesh.simulate.mender import leave_alone
from strata.mesh.simulate.run import Progress, simulate_mesh
from strata.mesh.simulate.scenario import Scenario, Spell

_NODE_HOURS = 5.0  # with these some twenty crashes happen, while most nodes are up, as they are in long simulations
_CRASH = Spell(0.2, 1.5)
_MOST_NODES = 40  # more take long, and the time to notice grows with the logarithm only


def measure_detection(
    network: Network, *, seed: int, timing: Timing = LAN, progress: Progress | None = None
) -> list[float]:
    """Seconds from a crash until one other member holds the node dead, for every crash and observer.

    At most 40 nodes of the network take part. Raises StrataError where nobody noticed anything: one or two nodes.
    """
    names = sorted(network.peers)[:_MOST_NODES]
    links = {ends: each for ends, each in network.links.items() if {*ends} <= {*names}}
    possible = {ends: each for ends, each in network.possible.items() if {*ends} <= {*names}}
    part = replace(network, peers={name: network.peers[name] for name in names}, links=links, possible=possible)
    scenario = Scenario(_NODE_HOURS / max(1, len(names)), crash=_CRASH)
    found = simulate_mesh(scenario, part, leave_alone, seed=seed, timing=timing, progress=progress)
    if not found.detections:
        raise StrataError(f"in a mesh of {len(names)} nodes no crash was noticed; detection cannot be measured in it")
    return [each.seconds for each in found.detections]
