"""`strata incidents`: what is the matter, what was done about it, and what a person should do and has said."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.store import Incident, Ledger
    from strata.triage import Case, Desk

app = typer.Typer(
    invoke_without_command=True,
    rich_markup_mode=None,
    help="List what failed, and what was done about it; take it up, and say that it is over.",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Number = Annotated[int, typer.Argument(min=1, help="As `strata incidents` lists it.")]
By = Annotated[str | None, typer.Option(help="Who says so; default: the user who is logged in.")]
State = Literal["open", "acknowledged", "resolved", "unresolved"]
Severity = Literal["low", "medium", "high"]


@app.callback()
def incidents(
    context: typer.Context,
    *,
    pipeline: Annotated[str | None, typer.Option(help="Only those of this pipeline.")] = None,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    severity: Annotated[Severity | None, typer.Option(help="Only those of this severity.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the latest.")] = 20,
    raw: Annotated[bool, typer.Option("--raw", help="The log, each failure by itself.")] = False,
    as_json: Json = False,
) -> None:
    """List what failed, the newest first: what comes again is one case, with the time of its first in UTC."""
    if context.invoked_subcommand is not None:
        return
    if raw and (state or severity):
        raise StrataError("the log knows neither states nor severities of cases: leave --raw, or these, out")
    from strata.store import IncidentLog

    with _desk() as (desk, ledger):
        # What machines read has the log too, as it always had.
        log = IncidentLog(ledger).recent(pipeline, limit) if raw or as_json else ()
        cases = () if raw else desk.cases(state, severity, pipeline, limit)
    if as_json:
        shown = {} if raw else {"cases": [case.to_json() for case in cases]}
        typer.echo(json.dumps(shown | {"incidents": [asdict(incident) for incident in log]}, default=str))
        return
    for line in map(_incident_line, log) if raw else map(_case_line, cases):
        typer.echo(line)
    typer.echo(f"{len(log) if raw else len(cases)} incidents")


@app.command()
def show(number: Number, as_json: Json = False) -> None:
    """Say all that is known of one: why, since when, what explains it, and what to do."""
    with _desk() as (desk, _):
        case = desk.case(number)
    _show(case, as_json)


@app.command()
def acknowledge(
    number: Number,
    reason: Annotated[str, typer.Option(help="What you are going to do.")] = "",
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say that somebody is at it."""
    with _desk() as (desk, _):
        case = desk.acknowledge(number, by or _user(), reason)
    _show(case, as_json)


@app.command()
def resolve(
    number: Number,
    reason: Annotated[str, typer.Option(help="What was done, or why nothing is to be done.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Say that it is over. It opens again by itself if it happens again."""
    with _desk() as (desk, _):
        case = desk.resolve(number, by or _user(), reason)
    _show(case, as_json)


@contextmanager
def _desk() -> "Iterator[tuple[Desk, Ledger]]":
    from strata.settings import Settings
    from strata.store import Ledger
    from strata.triage import Desk, read_rules

    settings = Settings()
    rules = read_rules(settings.triage_rules)
    with Ledger(settings.ledger) as ledger:
        yield Desk(ledger, rules), ledger


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (OSError, KeyError):
        raise StrataError("nobody is logged in here: say who you are with --by") from None


def _show(case: "Case", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(case.to_json()))
        return
    typer.echo(_case_line(case))
    typer.echo(f"  {case.count} times, opened {case.openings} times, the latest {case.last:%Y-%m-%d %H:%M:%S}")
    if case.cause is not None:
        typer.echo(f"  because of {case.cause}: strata incidents show {case.cause}")
    if case.effects:
        typer.echo(f"  which explains {', '.join(map(str, case.effects))}")
    typer.echo(f"  by itself: {case.playbook.automatic}")
    for step in case.playbook.steps:
        typer.echo(f"  to do: {step}")
    for each in case.decisions:
        said = f": {each.reason}" if each.reason else ""
        typer.echo(f"  {each.decided:%Y-%m-%d %H:%M:%S} {each.state} by {each.by}{said}")


def _case_line(case: "Case") -> str:
    what = f"{case.severity:<6} {case.pipeline}: {case.kind}: {case.subject}: {case.detail}"
    times = f", {case.count} times" if case.count > 1 else ""
    done = f", {case.response}" if case.response else ""
    why = f", because of {case.cause}" if case.cause is not None else ""
    return f"{case.id:>4}  {case.first:%Y-%m-%d %H:%M:%S} {what} ({case.state}{times}{done}{why})"


def _incident_line(incident: "Incident") -> str:
    severity = incident.figures.get("severity")
    kind = f"{incident.kind} ({severity})" if isinstance(severity, str) else incident.kind
    what = f"{incident.pipeline}: {kind}: {incident.subject}: {incident.detail}"
    done = f"{incident.state}, {incident.response}" if incident.response else incident.state
    return f"{incident.id:>4}  {incident.started:%Y-%m-%d %H:%M:%S} {what} ({done})"
