"""`strata imports plan`: what a migration would change, as data that a person can edit."""

import json
from pathlib import Path
from typing import Annotated

import typer

from strata.cli.imports_reading import Json, Roots, TreeFolder, read_project
from strata.cli.imports_showing import DEFAULT, Diff, Strategy, diff_of, show_plan, write_plan


def plan(
    tree: TreeFolder = Path(),
    *,
    strategy: Strategy = DEFAULT,
    roots: Roots = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the plan to this file: take out what is not to change, and migrate it.")
    ] = None,
    diff: Diff = False,
    as_json: Json = False,
) -> None:
    """Say which imports a strategy changes, and why it leaves others alone. Nothing is run, and no file changed."""
    from strata.migration.run import plan_migration

    analysis = read_project(tree, roots)
    found = plan_migration(analysis, strategy, roots=roots or ())
    if out is not None:
        write_plan(found, out)
    if diff:
        for line in diff_of(analysis, found):
            typer.echo(line, nl=not line.endswith("\n"))
    if as_json:
        typer.echo(json.dumps(found.to_json()))
        return
    show_plan(found)
    if out is not None:
        typer.echo(f"plan        {out}; `strata imports migrate {tree} --plan {out}`")
