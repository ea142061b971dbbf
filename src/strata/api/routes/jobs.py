"""Long work: runs of pipelines, started, watched, decided on and cancelled."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, Field, JsonValue, field_validator

from strata.api.guard import Caller, Within, allowing
from strata.api.ports import Job, Pipeline
from strata.api.problems import responses
from strata.api.shapes import Asked, JobId, JobView, Most
from strata.api.starting import JOBS, STARTED, IdempotencyKey, begin

router = APIRouter(prefix=JOBS, tags=["jobs"])
DEEPEST = 32


class Start(Asked):
    """What to run."""

    pipeline: Pipeline
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="As in the run form; what is left out is as deployed", max_length=64
    )

    @field_validator("parameters")
    @classmethod
    def _are_plain(cls, parameters: dict[str, JsonValue]) -> dict[str, JsonValue]:
        values: list[JsonValue] = [parameters]
        for _ in range(DEEPEST):
            if not all(map(_is_plain, values)):
                raise ValueError("a number is not finite, or a text is none")
            values = [inner for value in values for inner in _inside(value)]
        if values:
            raise ValueError(f"lists and objects are nested more than {DEEPEST} deep")
        return parameters


class Decide(Asked):
    """The answer to a suspended job's question."""

    decision: Literal["approve", "reject"]
    reason: str = Field("", description="Why; kept with the decision", max_length=2000)


class Jobs(BaseModel):
    """The latest jobs."""

    jobs: list[JobView] = Field(description="Newest first", max_length=100)


@router.get("", response_model=Jobs, dependencies=[allowing("read")], responses=responses(503))
def list_jobs(
    context: Within, pipeline: Annotated[Pipeline | None, Query(description="Only its runs")] = None, limit: Most = 20
) -> Mapping[str, Sequence[Job]]:
    """List the latest jobs, newest first."""
    return {"jobs": context.work.recent(pipeline, limit)}


@router.post(
    "",
    response_model=JobView,
    status_code=202,
    dependencies=[allowing("operate")],
    responses=STARTED,
)
def start_job(
    context: Within, caller: Caller, asked: Start, response: Response, idempotency_key: IdempotencyKey = None
) -> Job:
    """Start a run of a pipeline; answers at once, with where to look for what becomes of it."""
    return begin(context, caller, response, asked.pipeline, parameters=asked.parameters, key=idempotency_key)


@router.get("/{job_id}", response_model=JobView, dependencies=[allowing("read")], responses=responses(404, 503))
def one_job(context: Within, job_id: JobId) -> Job:
    """Say how a job is."""
    return _known(context.work.find(job_id), job_id)


@router.post(
    "/{job_id}/cancel",
    response_model=JobView,
    status_code=202,
    dependencies=[allowing("operate")],
    responses=responses(404, 409, 503),
)
def cancel_job(context: Within, job_id: JobId) -> Job:
    """Ask a job to end."""
    return _known(context.work.cancel(job_id), job_id)


@router.post(
    "/{job_id}/decision",
    response_model=JobView,
    status_code=202,
    dependencies=[allowing("operate")],
    responses=responses(404, 409, 503),
)
def decide_job(context: Within, caller: Caller, job_id: JobId, asked: Decide) -> Job:
    """Approve or reject what a suspended job proposes."""
    approve = asked.decision == "approve"
    decided = context.work.decide(job_id, approve=approve, reason=asked.reason, by=caller.name)
    return _known(decided, job_id)


def _is_plain(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, str) or not any("\ud800" <= letter <= "\udfff" for letter in value)


def _inside(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()


def _known(job: Job | None, job_id: str) -> Job:
    if job is None:
        raise HTTPException(404, f"there is no job {job_id}")
    return job
