"""What is the matter: cases, what explains and what was done about them, and what people decide."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from strata.api.guard import Caller, Within, allowing
from strata.api.problems import responses
from strata.triage import BadRules, Case, CaseIsResolved, CaseState, Desk, NoSuchCase, Severity, Wanted, read_rules

router = APIRouter(prefix="/v1/monitoring/triage", tags=["triage"])

_MOST = 2**31 - 1  # of the ledger's numbers
_opening = Lock()

Number = Annotated[int, Path(description="Of a case", ge=1, le=_MOST)]


class DecisionView(BaseModel):
    """What a person said of a case."""

    state: str = Field(description="acknowledged or resolved")
    by: str
    reason: str
    decided: datetime


class PlaybookView(BaseModel):
    """What to do about cases of a kind."""

    automatic: str = Field(description="What is done by itself")
    steps: list[str] = Field(description="What a person should do")


class CaseView(BaseModel):
    """Incidents of one pipeline, kind and subject that belong together."""

    id: int = Field(description="Of its first incident", ge=1)
    pipeline: str
    kind: str
    subject: str = Field(description="Who or what failed")
    severity: Severity
    state: CaseState
    detail: str = Field(description="Why, as the latest incident says")
    response: str = Field(description="What was done, as the latest incident says")
    count: int = Field(description="Incidents of it", ge=1)
    openings: int = Field(description="How often it was opened", ge=1)
    first: datetime = Field(description="When its first incident began")
    last: datetime = Field(description="When its latest incident began")
    since: datetime = Field(description="When it was opened last")
    changed: datetime = Field(description="When its state changed last")
    ended: datetime | None = Field(description="When it was over; null: it is not")
    incidents: list[int] = Field(description="The latest of them, by number in the log")
    cause: int | None = Field(description="The case that explains it")
    effects: list[int] = Field(description="The cases that it explains")
    playbook: PlaybookView
    decisions: list[DecisionView] = Field(description="The oldest first")


class Cases(BaseModel):
    """Some cases, the newest first."""

    cases: list[CaseView]
    before: int | None = Field(description="Ask for those before this number for the next page; null: there is none")


class SummaryView(BaseModel):
    """How many cases there are, as far as the triage looks back."""

    states: dict[str, int] = Field(description="Of all cases")
    severities: dict[str, int] = Field(description="Of those that are not resolved")
    pipelines: dict[str, int] = Field(description="Of those that are not resolved")
    oldest: datetime | None = Field(description="Since when the oldest of these is there")


class Acknowledge(BaseModel):
    """Somebody is at it."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", description="What they are going to do", max_length=2000, pattern=r"^[^\u0000]*$")


class Resolve(BaseModel):
    """It is over."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(
        description="What was done, or why nothing is to be done",
        min_length=1,
        max_length=2000,
        pattern=r"^[^\u0000]+$",
    )


def _desk(request: Request, context: Within) -> Desk:
    """One for the application: it keeps what it has read."""
    with _opening:
        if not hasattr(request.app.state, "desk"):
            try:
                request.app.state.desk = Desk(context.ledger, read_rules(context.settings.triage_rules))
            except BadRules as error:
                raise HTTPException(500, str(error)) from error
    desk: Desk = request.app.state.desk
    return desk


Cabinet = Annotated[Desk, Depends(_desk)]


@router.get("/cases", response_model=Cases, dependencies=[allowing("read")])
def list_cases(
    desk: Cabinet,
    *,
    state: Annotated[Wanted | None, Query(description="unresolved: open or acknowledged")] = None,
    severity: Severity | None = None,
    pipeline: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(description="How many of the newest", ge=1, le=100)] = 20,
    before: Annotated[int | None, Query(description="Only those with lower numbers", ge=1, le=_MOST)] = None,
) -> Mapping[str, Any]:
    """List cases, the newest first."""
    found = desk.cases(state, severity, pipeline, limit + 1, before)
    shown = found[:limit]
    return {"cases": _views(shown), "before": shown[-1].id if len(found) > limit else None}


@router.get("/cases/{number}", response_model=CaseView, dependencies=[allowing("read")], responses=responses(404))
def one_case(desk: Cabinet, number: Number) -> Mapping[str, Any]:
    """Say all that is known of a case."""
    try:
        return desk.case(number).to_json()
    except NoSuchCase as error:
        raise HTTPException(404, str(error)) from error


@router.get("/summary", response_model=SummaryView, dependencies=[allowing("read")])
def summary(desk: Cabinet) -> Any:
    """Count the cases."""
    return desk.summary()


@router.post(
    "/cases/{number}/acknowledge",
    response_model=CaseView,
    dependencies=[allowing("operate")],
    responses=responses(404, 409),
)
def acknowledge_case(desk: Cabinet, caller: Caller, number: Number, asked: Acknowledge) -> Mapping[str, Any]:
    """Say that somebody is at it."""
    return _decided(desk.acknowledge, number, caller.name, asked.reason)


@router.post(
    "/cases/{number}/resolve",
    response_model=CaseView,
    dependencies=[allowing("operate")],
    responses=responses(404, 409),
)
def resolve_case(desk: Cabinet, caller: Caller, number: Number, asked: Resolve) -> Mapping[str, Any]:
    """Say that it is over. It opens again by itself if it happens again."""
    return _decided(desk.resolve, number, caller.name, asked.reason)


def _decided(decide: Callable[[int, str, str], Case], number: int, by: str, reason: str) -> Mapping[str, Any]:
    try:
        return decide(number, by, reason).to_json()
    except NoSuchCase as error:
        raise HTTPException(404, str(error)) from error
    except CaseIsResolved as error:
        raise HTTPException(409, str(error)) from error


def _views(cases: Sequence[Case]) -> list[Mapping[str, Any]]:
    return [case.to_json() for case in cases]
