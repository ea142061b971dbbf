"""What wants to pass through a mesh, and `FLOWS.json`, which says it of a mesh in the form of `GRAPH.json`:

{"network": {"peers": [...], "links": [...]},
 "flows": [{"name": "prompts", "source": "a", "target": "c", "kind": "activations", "bytes_per_second": 2e6,
            "route": ["a", "b", "c"]}, ...]}
"""

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

import pydantic

from strata.errors import StrataError
from strata.mesh.network import BadNetwork, Network

MAX_FLOWS = 100_000


class BadFlows(StrataError):
    """A description of flows that cannot be: what is wrong with it, and where."""


class Kind(StrEnum):
    """The classes of what passes. Control comes before all others, which share by weight."""

    CONTROL = "control"
    ACTIVATIONS = "activations"
    SHARDS = "shards"
    GOSSIP = "gossip"


# Of one flow, beside flows of other classes. Control has none: it is given what it asks for first.
WEIGHTS = {Kind.ACTIVATIONS: 16, Kind.SHARDS: 4, Kind.GOSSIP: 1}


@dataclass(frozen=True, slots=True)
class Flow:
    """bytes_per_second: what it asks for; inf is as much as it can get. route: all peers it passes, both ends included;
    empty: the quickest way.
    """

    name: str
    source: str
    target: str
    kind: Kind
    bytes_per_second: float = math.inf
    route: tuple[str, ...] = ()


def read_flows(text: str | bytes) -> tuple[Network, tuple[Flow, ...]]:
    """Read `FLOWS.json`; raises BadFlows, or BadNetwork for what it says of the mesh."""
    try:
        found = _File.model_validate_json(text)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        raise BadFlows(f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}") from None
    try:
        network = Network.from_json(json.dumps(found.network))
    except BadNetwork as error:
        raise BadNetwork(f"network: {error}") from None
    flows = tuple(
        Flow(each.name, each.source, each.target, each.kind, each.bytes_per_second, each.route) for each in found.flows
    )
    check_flows(flows, network)
    return network, flows


def check_flows(flows: Iterable[Flow], network: Network) -> None:
    """Raises BadFlows for flows that cannot be in this mesh."""
    names = set[str]()
    for flow in flows:
        if flow.name in names:
            raise BadFlows(f"two flows are named {flow.name}")
        names.add(flow.name)
        if wrong := next(_wrongs(flow, network), None):
            raise BadFlows(f"flow {flow.name}: {wrong}")


def _wrongs(flow: Flow, network: Network) -> Iterator[str]:
    """What is wrong with it; what comes later holds only if nothing came before."""
    for end in (flow.source, flow.target, *flow.route):
        if end not in network.peers:
            yield f"there is no peer {end}"
    if flow.source == flow.target:
        yield f"it goes from {flow.source} to itself"
    if flow.kind is Kind.CONTROL and math.isinf(flow.bytes_per_second):
        yield "control comes first, so it must say how many bytes_per_second it asks for"
    if flow.route and (flow.route[0], flow.route[-1]) != (flow.source, flow.target):
        yield f"its route must lead from {flow.source} to {flow.target}"
    if len(set(flow.route)) < len(flow.route):
        yield "its route passes a peer twice"
    for one, other in pairwise(flow.route):
        if other not in network.neighbours[one]:
            yield f"its route goes from {one} to {other}, which are not linked"
    for name in flow.route[1:-1]:
        if not network.peers[name].carries:
            yield f"its route passes {name}, which is mobile and carries nothing for others"


class _Flow(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    name: str = pydantic.Field(min_length=1, max_length=64)
    source: str
    target: str
    kind: Kind
    bytes_per_second: float = pydantic.Field(default=math.inf, gt=0)
    route: tuple[str, ...] = ()


class _File(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    network: dict[str, Any]
    flows: list[_Flow] = pydantic.Field(max_length=MAX_FLOWS)
