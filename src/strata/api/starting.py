"""Long work is started and answered at once (202), with where to look for what becomes of it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header, Response

from strata.api.context import Context
from strata.api.ports import Job, Pipeline
from strata.api.problems import responses
from strata.store import Token

JOBS = "/v1/jobs"

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Asked again with the same key and the same body, the job that was started first is answered",
        pattern=r"^[\x21-\x7e]{1,128}$",
    ),
]

_LOCATION = {"description": "Where the job is", "required": True, "schema": {"type": "string"}}
STARTED: dict[int | str, dict[str, Any]] = {
    202: {"description": "Started", "headers": {"Location": _LOCATION}},
    **responses(409, 503),
}
"""What OpenAPI says of a route that starts work."""


def begin(
    context: Context,
    caller: Token,
    response: Response,
    pipeline: Pipeline,
    *,
    parameters: Mapping[str, Any],
    key: str | None,
) -> Job:
    """Start a run, and say in `response` where it is. A key of one caller means nothing to another.

    Raises WorkRefused, WorkUnavailable.
    """
    job = context.work.start(pipeline, parameters, key and f"token {caller.id}: {key}")
    response.headers["Location"] = f"{JOBS}/{job.id}"
    return job
