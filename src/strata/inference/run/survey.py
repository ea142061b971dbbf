"""Nodes that measure themselves and each other."""

import math
from collections.abc import Sequence

from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.protocol.messages import LinkMeasured, Measure, Measured, MeasureLink
from strata.inference.run.errors import RequestRefused
from strata.inference.run.peers import NodeClient


async def survey_nodes(clients: Sequence[NodeClient]) -> tuple[list[NodeProfile], Links]:
    """As `Coordinator.survey`."""
    nodes, latency, bandwidth = [], [], []
    for client in clients:
        measured = await client.request(Measure())
        assert isinstance(measured, Measured)
        nodes.append(NodeProfile(client.name, measured.memory_bytes, measured.flops, measured.bandwidth))
    for client in clients:
        row = [await _measure_link(client, other) for other in clients]
        latency.append([seconds for seconds, _ in row])
        bandwidth.append([rate for _, rate in row])
    return nodes, Links.of(latency, bandwidth)


async def _measure_link(client: NodeClient, other: NodeClient) -> tuple[float, float]:
    """Seconds one way and bytes/s from one node to another."""
    if client is other:
        return 0.0, math.inf
    try:
        measured = await client.request(MeasureLink(peer=other.peer_id))
    except RequestRefused:
        return math.inf, 0.0
    assert isinstance(measured, LinkMeasured)
    return measured.latency, measured.bandwidth
