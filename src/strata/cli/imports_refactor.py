"""`strata imports refactor`: plan moves of modules that lower the coupling across packages, and carry the plan out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.imports_reading import Json, Roots, TreeFolder, read_project

if TYPE_CHECKING:
    from strata.migration.refactor import Aim, MovePlan

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Move modules so that packages know less of each other."
)

_SHOWN = 10  # of the advice


@app.callback()
def _group() -> None:
    """Move modules so that packages know less of each other: a plan that can be edited, and carrying it out."""


@app.command()
def plan(
    tree: TreeFolder = Path(),
    *,
    roots: Roots = None,
    out: Annotated[Path | None, typer.Option(help="Write the plan here, to be edited and applied.")] = None,
    most: Annotated[float, typer.Option(min=0, max=1, help="Share of the modules that may move.")] = 0.2,
    largest: Annotated[float, typer.Option(min=1, help="No package gets larger than so many times the largest.")] = 1.5,
    growth: Annotated[
        float | None, typer.Option(min=0, help="By which share each package may grow, such as 0.25; default: any.")
    ] = None,
    price: Annotated[float, typer.Option(min=0, help="What a move must gain for itself; 1 pays for its shim.")] = 1.0,
    rename: Annotated[
        bool, typer.Option("--rename", help="A module may go where its name is taken, and gets another.")
    ] = False,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="A module that stays, or a package whose modules do.")
    ] = None,
    shims: Annotated[bool, typer.Option(help="Keep old names importable.")] = True,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Lower the weighted coupling, not the number of pairs.")
    ] = False,
    seed: int = 0,
    as_json: Json = False,
) -> None:
    """Say which modules to move where, what each move gains and costs, and what else would help.

    Nothing of the project is run or written.
    """
    from strata import files
    from strata.migration.refactor import Limits, plan_moves

    limits = Limits(most, largest, growth, price, rename)
    aim: Aim = "weighted" if weighted else "pairs"
    folders = tuple(roots or ())
    found = plan_moves(
        read_project(tree, roots), limits, aim=aim, seed=seed, shims=shims, keep=keep or (), roots=folders
    )
    if out is not None:
        files.write(out, (json.dumps(found.to_json(), indent=1) + "\n").encode())
    typer.echo(json.dumps(found.to_json())) if as_json else _show(found)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="PLAN", help="As `plan --out` writes it.")],
    *,
    static_only: Annotated[
        bool, typer.Option("--static-only", help="Run nothing of the project: no imports, no tests.")
    ] = False,
    no_tests: Annotated[bool, typer.Option("--no-tests", help="Import the modules, but do not run the tests.")] = False,
    test_command: Annotated[
        str | None, typer.Option(help="Runs the tests by pytest. Default: `python -m pytest`.")
    ] = None,
    python: Annotated[str | None, typer.Option(help="The project's interpreter. Default: this one.")] = None,
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Change files with uncommitted changes too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a plan's moves: each proved, tried on a copy, and undone where the tests end otherwise.

    Interrupted at any point, the same command goes on where it was; `strata imports rollback` brings every byte back.
    Exits 1 where a step was not made.
    """
    import sys

    from rich.console import Console
    from rich.progress import Progress

    from strata.migration.refactor import BadMoves, Demands, MovePlan, carry_out
    from strata.settings import Settings
    from strata.store import open_store

    try:
        planned = MovePlan.from_json(file.read_bytes())
    except OSError as error:
        raise BadMoves(f"{file} cannot be read: {error.strerror}") from error
    demands = Demands(static_only, not no_tests, test_command, python or sys.executable, allow_dirty)
    settings, console = Settings(), Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        done = carry_out(
            planned,
            lambda: read_project(Path(planned.tree), list(planned.roots)),
            demands,
            home=settings.home,
            store=open_store(settings),
            ledger=settings.ledger,
            progress=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    if as_json:
        typer.echo(json.dumps(done.to_json()))
    else:
        for each in done.outcomes:
            typer.echo(f"{each.state:<9} {each.module} -> {each.new}" + (f": {each.reason}" if each.reason else ""))
        if done.skipped:
            typer.echo(f"tests     {done.skipped}")
        else:
            typer.echo(f"tests     {_counts(done.tests_before)} before; {_counts(done.tests_after)} after")
        typer.echo(
            f"{done.count('made')} of {len(done.outcomes)} moves made; {done.before} pairs across packages before, "
            f"{done.after} after, and {done.shims} shims"
        )
    if done.count("made") < len(done.outcomes):
        raise typer.Exit(1)


def _show(found: "MovePlan") -> None:
    for step in found.steps:
        shim = ", leaves a shim" if step.shim else ""
        typer.echo(
            f"move      {step.module} -> {step.move.new}: {step.gain} pairs less, {step.importers} importers"
            + (f", {step.strings} strings" if step.strings else "")
            + shim
        )
    for advice in found.advice[:_SHOWN]:
        typer.echo(f"{advice.kind:<9} {', '.join(advice.places)}: {advice.evidence}")
    if len(found.advice) > _SHOWN:
        typer.echo(f"          ... and {len(found.advice) - _SHOWN} more, with --json")
    reasons = ", ".join(f"{count} {reason}" for reason, count in found.fixed.items())
    typer.echo(f"fixed     {reasons or 'nothing'}")
    before, after = found.before, found.after
    typer.echo(
        f"{before.pairs} pairs across packages become {after.pairs} ({found.reached:.0%} less; "
        f"{found.reached_net:.0%} with {found.shims} shims counted); pairs of packages {before.package_pairs} -> "
        f"{after.package_pairs}, packages in cycles {before.packages_in_cycles} -> {after.packages_in_cycles}"
    )


def _counts(results: "dict[str, int]") -> str:
    return ", ".join(f"{count:,} {result}" for result, count in sorted(results.items())) or "none"
