"""By what a run was started: a person, a schedule or an event."""

from dataclasses import dataclass
from typing import Literal

from prefect.context import FlowRunContext

_STARTED_BY: dict[str, Literal["schedule", "event"]] = {"SCHEDULE": "schedule", "AUTOMATION": "event"}


@dataclass(frozen=True)
class Occasion:
    """`run`: id of the flow run; `name`: what Prefect calls it; `deployed`: it is one of a deployment."""

    run: str
    name: str
    deployed: bool
    by: Literal["hand", "schedule", "event"]


def occasion() -> Occasion:
    """Of the flow run that calls this."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    run = context.flow_run
    started = run.created_by.type if run.created_by else None
    by = "schedule" if run.auto_scheduled else _STARTED_BY.get(started or "", "hand")
    return Occasion(str(run.id), run.name, run.deployment_id is not None, by)
