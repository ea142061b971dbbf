"""Tensor memory: what the nodes hold of their budgets, where that is going, and having one give back what it can."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from strata.api.context import Context
from strata.api.guard import Within, allowing
from strata.api.ports import NodeState
from strata.api.problems import responses
from strata.memory import FleetMemory, NodeMemory, Outlook, outlook
from strata.store import MemoryLog, MemorySample

router = APIRouter(prefix="/v1/memory/tensor", tags=["memory"])

POINTS = 240  # of a series, at most
Bytes = Annotated[int, Field(ge=0)]
Name = Annotated[str, Path(description="Name of a node, as the membership has it", min_length=1, max_length=256)]
Hours = Annotated[float, Query(description="How far back the trend and the series go", gt=0, le=24)]


class Categories(BaseModel):
    """Bytes: of shards, of the caches of sessions, of the forward under way, and what else the process holds."""

    weights: Bytes
    cache: Bytes
    workspace: Bytes
    runtime: Bytes


class NodeAccount(BaseModel):
    """What a node holds of its budget, in bytes."""

    name: str
    peer_id: str
    reachable: bool = Field(description="If not, it says nothing of its memory: all figures are 0")
    budget: Bytes
    used: Bytes
    free: Bytes
    over: Bytes = Field(description="Above the budget")
    sessions: int = Field(ge=0)
    leak: str = Field(description="What grows from session to session, where that is suspected")
    categories: Categories


class Nodes(BaseModel):
    """All nodes, in the order of the membership."""

    nodes: list[NodeAccount]


class Forecast(BaseModel):
    """How fast the memory fills, with its 95 % confidence interval, and when the budget would be full at that rate.

    Times are seconds from now; null: never.
    """

    bytes_per_second: float
    low: float | None = Field(description="null: the samples cannot say")
    high: float | None = Field(description="null: the samples cannot say")
    p_value: float = Field(ge=0, le=1, description="Of so steady a rise by chance")
    rises: bool = Field(description="Whether the whole interval is above 0")
    likely: float | None
    earliest: float | None
    latest: float | None
    samples: int = Field(ge=1)
    sentence: str


class Point(BaseModel):
    """A sample."""

    taken: datetime
    budget: Bytes
    used: Bytes


class NodeReport(NodeAccount):
    """A node, its trend and its samples. forecast: null where there are too few of them."""

    forecast: Forecast | None
    series: list[Point] = Field(max_length=POINTS)


class Summary(BaseModel):
    """All reachable nodes together, in bytes."""

    nodes: int = Field(ge=0)
    unreachable: list[str] = Field(description="Names of nodes that say nothing")
    budget: Bytes
    used: Bytes
    free: Bytes
    sessions: int = Field(ge=0)
    categories: Categories
    over: dict[str, Bytes] = Field(description="Who is above the budget, and by how much")
    leaking: dict[str, str] = Field(description="Who suspects a leak, and of what")
    forecasts: dict[str, Forecast] = Field(description="Of nodes whose memory rises")


class Cleaned(BaseModel):
    """What a clean-up came to, as the node says it: resident bytes before and after, and what was dropped."""

    node: str
    figures: dict[str, int]


@router.get("/nodes", response_model=Nodes, dependencies=[allowing("read")], responses=responses(503))
async def list_nodes(context: Within) -> Mapping[str, Any]:
    """Say what every node holds."""
    return {"nodes": [_account(node) for node in await context.fleet.nodes()]}


@router.get("/nodes/{name}", response_model=NodeReport, dependencies=[allowing("read")], responses=responses(404, 503))
async def one_node(context: Within, name: Name, hours: Hours = 1.0) -> Mapping[str, Any]:
    """Say what a node holds, and where that is going."""
    node = next((node for node in await context.fleet.nodes() if node.name == name), None)
    if node is None:
        raise HTTPException(404, f"there is no node {name}")
    samples = await run_in_threadpool(_series, context, name, hours)
    step = max(1, math.ceil(len(samples) / POINTS))
    points = [asdict(sample) for sample in samples[::-1][::step][::-1]]
    return _account(node) | {"forecast": _forecast(samples), "series": points}


@router.get("/summary", response_model=Summary, dependencies=[allowing("read")], responses=responses(503))
async def summary(context: Within, hours: Hours = 1.0) -> Mapping[str, Any]:
    """Say what all nodes hold together, who is above the budget, and whose memory rises."""
    nodes = await context.fleet.nodes()
    there = [NodeMemory.of(node.name, node.figures) for node in nodes if node.reachable]
    forecasts = await run_in_threadpool(lambda: {m.node: _forecast(_series(context, m.node, hours)) for m in there})
    return asdict(FleetMemory.of(there)) | {
        "unreachable": [node.name for node in nodes if not node.reachable],
        "forecasts": {name: found for name, found in forecasts.items() if found is not None and found["rises"]},
    }


@router.post(
    "/nodes/{name}/cleanup",
    response_model=Cleaned,
    dependencies=[allowing("operate")],
    responses=responses(404, 503),
)
async def clean_up(context: Within, name: Name) -> Mapping[str, Any]:
    """Have a node end sessions that are idle, drop shards that it has loaded in case, and give back free memory."""
    figures = await context.fleet.clean_up(name)
    if figures is None:
        raise HTTPException(404, f"there is no node {name}")
    return {"node": name, "figures": figures}


def _account(node: NodeState) -> dict[str, Any]:
    memory = NodeMemory.of(node.name, node.figures if node.reachable else {})
    own = {"name": node.name, "peer_id": node.peer_id, "reachable": node.reachable}
    return own | asdict(memory) | {"used": memory.used, "free": memory.free, "over": memory.over}


def _series(context: Context, name: str, hours: float) -> tuple[MemorySample, ...]:
    """Samples that go back so far from the newest one."""
    log = MemoryLog(context.ledger)
    newest = log.series(name, limit=1)
    return log.series(name, since=newest[0].taken - timedelta(hours=hours)) if newest else ()


def _forecast(samples: Sequence[MemorySample]) -> dict[str, Any] | None:
    rising = sorted({sample.taken: sample for sample in samples}.values(), key=lambda sample: sample.taken)
    if not rising:
        return None
    times = [sample.taken.timestamp() for sample in rising]
    found = outlook(times, [sample.used for sample in rising], rising[-1].budget)
    return None if found is None else _told(found)


def _told(found: Outlook) -> dict[str, Any]:
    document = asdict(found)
    bounds = {name: document[name] if math.isfinite(document[name]) else None for name in ("low", "high")}
    return document | bounds | {"bytes_per_second": found.slope, "rises": found.rises, "sentence": found.sentence}
