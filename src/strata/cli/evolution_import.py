"""`strata evolution import`: a history file, checked record by record, for the search to learn from."""

import json
from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

_SHOWN = 20  # findings, unless all are asked for


def import_file(
    file: Annotated[Path, typer.Argument(help="In the `evolution_timeline` format.")],
    show_all: Annotated[bool, typer.Option("--all", help="Show every finding, not only the first 20.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Learn from a run elsewhere which merge methods pay off.

    Each record is held against what merges and evaluations can do; impossible ones are named, and not learned from.
    """
    from strata.evolution.history import gains
    from strata.evolution.rounds import import_history
    from strata.evolution.search import TECHNIQUES
    from strata.settings import Settings
    from strata.store import open_store

    history = import_history(open_store(Settings()), file)
    found = gains(history)
    listed = sum(len(generation.top_models) for generation in history.timeline.evolution_timeline)
    if as_json:
        document = {
            "records": listed,
            "sound": len(history.sound),
            "findings": [str(finding) for finding in history.findings],
            "gains": found,
            "unknown_techniques": sorted(found.keys() - TECHNIQUES.keys()),
        }
        typer.echo(json.dumps(document))
        return
    shown = history.findings if show_all else history.findings[:_SHOWN]
    for finding in shown:
        typer.echo(f"impossible  {finding}")
    if len(shown) < len(history.findings):
        typer.echo(f"... and {len(history.findings) - len(shown)} more, with --all")
    for technique, values in sorted(found.items(), key=lambda item: -fmean(item[1])):
        unknown = "" if technique in TECHNIQUES else "; no method of the search"
        typer.echo(
            f"learned     {technique}: {fmean(values):+.4f} over its best parent ({len(values)} models{unknown})"
        )
    typer.echo(f"{len(history.sound)} of {listed} records are learned from; {len(history.findings)} findings")
