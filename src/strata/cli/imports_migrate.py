"""`strata imports migrate`: imports standardised file by file, each change proved, checked, and reversible."""

import json
from pathlib import Path
from typing import Annotated

import typer

from strata.cli.imports_reading import Json, Roots, TreeFolder, read_project
from strata.cli.imports_showing import DEFAULT, Diff, Strategy, bar, diff_of, places, reading, show_outcome, show_plan


def migrate(
    tree: TreeFolder = Path(),
    *,
    strategy: Strategy = DEFAULT,
    roots: Roots = None,
    plan: Annotated[Path | None, typer.Option(help="Carry out this plan, as `plan --out` writes it.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    diff: Diff = False,
    static_only: Annotated[
        bool, typer.Option("--static-only", help="Run nothing of the project: no imports, no tests.")
    ] = False,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Change files with uncommitted changes too.")
    ] = False,
    test_command: Annotated[
        str | None,
        typer.Option(help="Runs the tests by pytest; `{tests}` in it are files. Default: `python -m pytest {tests}`."),
    ] = None,
    no_tests: Annotated[bool, typer.Option("--no-tests", help="Import the modules, but do not run the tests.")] = False,
    python: Annotated[
        str | None, typer.Option(help="The project's interpreter. Default: its .venv's, else this one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Standardise a project's imports: every change is proved harmless and checked, or not made, and can be undone.

    Interrupted at any point, the same command goes on where it was; `strata imports rollback` brings every byte back.
    The project's code is run on copies, in processes of its own. Exits 1 where a file was changed back.
    """
    from strata.migration.run import BadPlan, MigrationPlan, Order, plan_migration
    from strata.migration.run import migrate as carry_out

    given = None
    if plan is not None:
        try:
            given = MigrationPlan.from_json(plan.read_bytes())
        except OSError as error:
            raise BadPlan(f"{plan} cannot be read: {error.strerror}") from error
    folders = given.roots if given else tuple(roots or ())
    if dry_run or diff:
        analysis = read_project(tree, list(folders))
        found = given or plan_migration(analysis, strategy, roots=folders)
        for line in diff_of(analysis, found) if diff else ():
            typer.echo(line, nl=not line.endswith("\n"))
        if dry_run:
            typer.echo(json.dumps(found.to_json())) if as_json else show_plan(found)
            return
    order = Order(static_only, allow_dirty, not no_tests, test_command, python)
    with bar() as progress:
        outcome = carry_out(reading(tree), tree, given or strategy, order, roots=folders, progress=progress, **places())
    show_outcome(outcome, as_json=as_json)
