"""The fleet: where its layers are, where they should be, and what happened of late."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from strata.api.context import Context
from strata.api.guard import Within, allowing
from strata.api.ports import FleetUnavailable, Job, WorkUnavailable
from strata.api.problems import responses
from strata.api.routes.planned import Decided, Planned
from strata.api.shapes import Asked, JobView, Most, RunView

router = APIRouter(prefix="/v1/inference/distributed", tags=["inference"])
PIPELINE = "inference"
_UNDER_WAY = frozenset({"scheduled", "running", "suspended", "cancelling"})


class ModelView(BaseModel):
    """A model that the fleet answers with."""

    name: str
    created: datetime
    context: int = Field(description="Tokens of prompt and answer", ge=1)


class NodeView(BaseModel):
    """A node as the fleet sees it."""

    name: str
    peer_id: str
    reachable: bool
    layers: tuple[int, int] | None = Field(description="First layer, and the one after the last")
    figures: dict[str, Any] = Field(description="Its account in bytes, its sessions and its traffic, as it says them")


class Status(BaseModel):
    """The fleet now, and its pipeline of late. `problems`: whom we could not ask, and why."""

    models: list[ModelView]
    nodes: list[NodeView] = Field(description="In the order of the membership")
    jobs: list[JobView] = Field(description="Runs of the pipeline that are under way")
    runs: list[RunView] = Field(description="The latest runs that the ledger has, newest first")
    problems: list[str]


class Optimise(Asked):
    """What to do with the decision."""

    dry_run: bool = Field(True, description="Only decide; move nothing")


@router.get("/status", response_model=Status, dependencies=[allowing("read")])
async def status(context: Within, limit: Most = 10) -> Mapping[str, Any]:
    """Say which nodes there are, what runs, and what ran of late."""
    problems: list[str] = []
    nodes: Sequence[Any] = ()
    try:
        nodes = await context.fleet.nodes()
    except FleetUnavailable as error:
        problems.append(str(error))
    jobs, trouble = await run_in_threadpool(_under_way, context)
    runs = await run_in_threadpool(context.ledger.runs, PIPELINE, limit)
    return {
        "models": context.fleet.models(),
        "nodes": nodes,
        "jobs": jobs,
        "runs": runs,
        "problems": problems + trouble,
    }


@router.post("/plan", response_model=Planned, dependencies=[allowing("operate")], responses=responses(503))
async def plan(context: Within) -> Mapping[str, Any]:
    """Measure nodes and links; say where the layers would go now, where they are, and what that would gain."""
    return await context.fleet.plan()


@router.post("/optimize", response_model=Decided, dependencies=[allowing("operate")], responses=responses(503))
async def optimise(context: Within, asked: Optimise) -> Mapping[str, Any]:
    """Decide by what the nodes counted of late whether layers move, and move them unless it is a dry run."""
    return await context.fleet.optimise(dry_run=asked.dry_run)


def _under_way(context: Context) -> tuple[list[Job], list[str]]:
    try:
        return [job for job in context.work.recent("inference") if job.state in _UNDER_WAY], []
    except WorkUnavailable as error:
        return [], [str(error)]
