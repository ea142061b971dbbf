"""Nodes that measure themselves, and the links between them: as the mesh's sweeps know them, or else measured now."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.protocol.messages import LinkMeasured, Measure, Measured, MeasureLink
from strata.inference.run.connections import status_of, unmeasured
from strata.inference.run.errors import RequestRefused
from strata.inference.run.peers import NodeClient
from strata.mesh import Recent

UNREACHABLE = math.inf, 0.0


@dataclass(frozen=True)
class Survey:
    """The nodes, and the links between them in the same order.

    swept: of links that were not measured for this survey (from, to, by name) when a sweep of the mesh did, in seconds
    since 1970. measured: those that were.
    """

    nodes: Sequence[NodeProfile]
    links: Links
    swept: Mapping[tuple[str, str], float]
    measured: Sequence[tuple[str, str]]

    def to_json(self) -> dict[str, object]:
        """Which links were measured when."""
        swept = [{"from": one, "to": other, "at": at} for (one, other), at in self.swept.items()]
        return {"swept": swept, "measured": [{"from": one, "to": other} for one, other in self.measured]}

    def sentence(self, now: float) -> str:
        """Which links were measured when."""
        said = [f"{len(self.measured)} measured now"] if self.measured else []
        if self.swept:
            ages = [now - at for at in self.swept.values()]
            low, high = (f"{age / 60:.0f}" for age in (min(ages), max(ages)))
            old = low if low == high else f"{low} to {high}"
            said.insert(0, f"{len(self.swept)} as sweeps of the mesh measured them {old} minutes ago")
        return f"links: {', '.join(said) if said else 'there are none'}"


async def survey_nodes(clients: Sequence[NodeClient], recent: Recent) -> Survey:
    """As `Coordinator.survey`."""
    nodes, swept, measured = [], {}, []
    for client in clients:
        found = await client.request(Measure())
        assert isinstance(found, Measured)
        described = unmeasured(client, await status_of(client))
        nodes.append(replace(described, memory_bytes=found.memory_bytes, flops=found.flops, bandwidth=found.bandwidth))
    rows = []
    for client in clients:
        row = []
        for other in clients:
            ends = client.name, other.name
            if client is other:
                row.append((0.0, math.inf))
            elif (known := swept_link(recent, *ends, time.time())) is not None:
                row.append(known[0])
                swept[ends] = known[1]
            else:
                row.append(await _measure_link(client, other))
                measured.append(ends)
        rows.append(row)
    latency, bandwidth = ([[link[part] for link in row] for row in rows] for part in (0, 1))
    return Survey(nodes, Links.of(latency, bandwidth), swept, measured)


def swept_link(recent: Recent, one: str, other: str, now: float) -> tuple[tuple[float, float], float] | None:
    """Seconds one way and bytes/s between two members, and when a sweep measured that; None where that is not known."""
    if (seen := recent.between(one, other, now)) is None:
        return None
    if seen.quality is None:
        return UNREACHABLE, seen.at
    if not math.isfinite(seen.quality.bytes_per_second):
        return None  # its throughput was not measured
    return (seen.quality.rtt_seconds / 2, seen.quality.bytes_per_second), seen.at


async def _measure_link(client: NodeClient, other: NodeClient) -> tuple[float, float]:
    """Seconds one way and bytes/s from one node to another."""
    try:
        measured = await client.request(MeasureLink(peer=other.peer_id))
    except RequestRefused:
        return UNREACHABLE
    assert isinstance(measured, LinkMeasured)
    return measured.latency, measured.bandwidth
