"""Which rate each flow through a mesh may have."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from strata.mesh.bandwidth.flows import WEIGHTS, Flow, Kind, check_flows
from strata.mesh.network import Network, pair
from strata.mesh.roads import Roads


@dataclass(frozen=True, slots=True)
class Share:
    """What a flow gets. bound_by: "demand", "a -> b" (a link), "a sends" or "a receives" (a peer), "no way" where there
    is no route; None where nothing binds it, with a rate of inf.
    """

    flow: Flow
    route: tuple[str, ...]
    bytes_per_second: float
    bound_by: str | None


@dataclass(frozen=True)
class Allocation:
    """Of each flow by its name, and bytes a second of all flows on each link and through each peer that has a limit,
    beside the limit.
    """

    shares: Mapping[str, Share]
    used: Mapping[str, tuple[float, float]]

    def to_json(self) -> dict[str, Any]:
        """As data for `json`; a rate that nothing binds is null."""
        return {
            "flows": [
                {
                    "name": name,
                    "kind": each.flow.kind,
                    "route": list(each.route),
                    "bytes_per_second": each.bytes_per_second if math.isfinite(each.bytes_per_second) else None,
                    "bound_by": each.bound_by,
                }
                for name, each in self.shares.items()
            ],
            "used": [
                {"what": what, "bytes_per_second": used, "limit": limit} for what, (used, limit) in self.used.items()
            ],
        }


def allocate(flows: Sequence[Flow], network: Network) -> Allocation:
    """Weighted max-min fair rates within what links carry, each way, and what peers send and receive in all.

    First control flows get what they ask for, or share equally what there is of it: nothing else takes from them. Then
    all others share what is left, by `WEIGHTS`. Raises BadFlows for flows that cannot be.
    """
    import numpy as np

    from strata.mesh.bandwidth.filling import DEMAND, fill

    check_flows(flows, network)
    roads = Roads(network)
    routes = {flow.name: flow.route or roads.quickest(flow.source, flow.target) or () for flow in flows}
    limits: dict[str, float] = {}
    uses = {name: _resources(route, network, limits) for name, route in routes.items()}
    number = {what: at for at, what in enumerate(limits)}
    names = list(limits)
    used = np.zeros(len(limits))
    capacity = np.array(list(limits.values()))
    shares: dict[str, Share] = {flow.name: Share(flow, (), 0.0, "no way") for flow in flows}
    for first in (True, False):
        stage = [flow for flow in flows if (flow.kind is Kind.CONTROL) is first and routes[flow.name]]
        held = [[number[what] for what in uses[flow.name]] for flow in stage]
        weights = np.array([WEIGHTS.get(flow.kind, 1) for flow in stage], float)
        asked = np.array([flow.bytes_per_second for flow in stage], float)
        rates, bound = fill(held, np.maximum(capacity - used, 0.0), weights, asked)
        for flow, own, rate, by in zip(stage, held, rates.tolist(), bound.tolist(), strict=True):
            used[own] += rate
            what = names[by] if by >= 0 else "demand" if by == DEMAND else None
            shares[flow.name] = Share(flow, routes[flow.name], rate, what)
    return Allocation(shares, {what: (float(used[at]), limits[what]) for what, at in number.items()})


def _resources(route: tuple[str, ...], network: Network, limits: dict[str, float]) -> list[str]:
    """What a route uses that has a limit; notes the limits."""
    found = {}
    for one, other in pairwise(route):
        found[f"{one} -> {other}"] = network.links[pair(one, other)].bytes_per_second
        found[f"{one} sends"] = network.peers[one].bytes_per_second
        found[f"{other} receives"] = network.peers[other].bytes_per_second
    finite = {what: limit for what, limit in found.items() if math.isfinite(limit)}
    limits.update(finite)
    return list(finite)
