"""The pipelines under their first names: an inference run, the schedule of evolution, the mesh, the architecture."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, Field

from strata.api.architecture import Architecture, NoSuchTree, analysed
from strata.api.guard import Caller, Within, allowing
from strata.api.parameters import InferenceJob
from strata.api.ports import Job, Pipeline, Schedule
from strata.api.problems import responses
from strata.api.shapes import Asked, Digest, JobView, ScheduleView
from strata.api.starting import STARTED, IdempotencyKey, begin
from strata.store import Approvals, ChampionLog

router = APIRouter(prefix="/v2/archaeological", tags=["archaeological"])
EVOLUTION: tuple[Pipeline, ...] = ("evolution", "evolution-on-checkpoint", "watch", "rollback", "pretraining")


class MeshJob(Asked):
    """What a sweep is to do."""

    mesh: Literal["home", "demonstration"] = Field("home", description="The mesh of STRATA_HOME, or one started for it")
    survive: int = Field(1, description="Losses that the mesh is to bear, whoever is lost", ge=1, le=8)
    fan_out: int = Field(16, description="Peers that a member probes in a sweep, at most", ge=2, le=64)


class Champion(BaseModel):
    """Who is champion, since when and why."""

    digest: Digest
    previous: Digest | None
    generation: int | None
    kind: Literal["promotion", "regression", "rollback"]
    moved: datetime
    reason: str


class Question(BaseModel):
    """A candidate that a person is to decide on."""

    id: int = Field(ge=1)
    generation: int | None
    candidate: Digest
    champion: Digest | None = Field(description="Whom it was judged against")
    proposed: datetime
    judgement: dict[str, Any] = Field(description="What the gate said")


class Evolution(BaseModel):
    """When evolution runs, and how it stands."""

    schedules: list[ScheduleView]
    champion: Champion | None
    pending: list[Question] = Field(description="The oldest first")


@router.post(
    "/distributed/inference",
    response_model=JobView,
    status_code=202,
    dependencies=[allowing("operate")],
    responses=STARTED,
)
def start_inference(
    context: Within, caller: Caller, asked: InferenceJob, response: Response, idempotency_key: IdempotencyKey = None
) -> Job:
    """Start the inference pipeline: plan, distribute, run, report. Its answers are among the artifacts of the run."""
    parameters = asked.model_dump(exclude_unset=True)
    return begin(context, caller, response, "inference", parameters=parameters, key=idempotency_key)


@router.get("/evolution/schedule", response_model=Evolution, dependencies=[allowing("read")], responses=responses(503))
def evolution_schedule(context: Within) -> Mapping[str, Any]:
    """Say when evolution runs by itself, who is champion, and what waits for a decision."""
    found: list[Schedule] = [schedule for name in EVOLUTION for schedule in context.work.schedules(name)]
    return {
        "schedules": found,
        "champion": next(iter(ChampionLog(context.ledger).history()), None),
        "pending": Approvals(context.ledger).pending(),
    }


@router.post(
    "/p2p/mesh/optimize",
    response_model=JobView,
    status_code=202,
    dependencies=[allowing("operate")],
    responses=STARTED,
)
def start_mesh(
    context: Within, caller: Caller, asked: MeshJob, response: Response, idempotency_key: IdempotencyKey = None
) -> Job:
    """Start the mesh pipeline: a sweep, and where the loss of a member would cut the mesh, links that mend it."""
    parameters = asked.model_dump() | {"mesh": "home" if asked.mesh == "home" else ""}
    return begin(context, caller, response, "mesh", parameters=parameters, key=idempotency_key)


@router.get(
    "/architecture/analysis",
    response_model=Architecture,
    dependencies=[allowing("read")],
    responses=responses(404, 409),
)
def architecture(
    context: Within,
    tree: Annotated[
        str,
        Query(
            description="Folder of a Python project below the API's working directory; empty: Strata itself",
            pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*)?$",
            max_length=512,
        ),
    ] = "",
) -> Architecture:
    """Say which modules import which, where that runs in circles, and how much packages know of each other.

    Nothing of the project is run. As long as no file of it changes, the answer comes from memory.
    """
    if not context.settings.coupling_analysis:
        raise HTTPException(409, "the analysis is switched off: set PYTHON_COUPLING_ANALYSIS=true")
    try:
        return analysed(tree, context.settings)
    except NoSuchTree as error:
        raise HTTPException(404, str(error)) from error
