"""`strata incidents`: what failed, and what was done about it."""

import json
from dataclasses import asdict
from typing import Annotated

import typer


def incidents(
    *,
    pipeline: Annotated[str | None, typer.Option(help="Only those of this pipeline.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the latest.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """List what failed, and what was done about it, the newest first, each with its number and the time in UTC."""
    from strata.settings import Settings
    from strata.store import IncidentLog

    with IncidentLog(Settings().ledger) as log:
        found = log.recent(pipeline, limit)
    if as_json:
        typer.echo(json.dumps({"incidents": [asdict(incident) for incident in found]}, default=str))
        return
    for incident in found:
        severity = incident.figures.get("severity")
        kind = f"{incident.kind} ({severity})" if isinstance(severity, str) else incident.kind
        what = f"{incident.pipeline}: {kind}: {incident.subject}: {incident.detail}"
        done = f"{incident.state}, {incident.response}" if incident.response else incident.state
        typer.echo(f"{incident.id:>4}  {incident.started:%Y-%m-%d %H:%M:%S} {what} ({done})")
    typer.echo(f"{len(found)} incidents")
