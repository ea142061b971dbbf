"""What the commands that migrate share: their options, where the journal is, bars, diffs and the outcome as text."""

import difflib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.cli.imports_reading import read_project

if TYPE_CHECKING:
    from strata.migration.imports import Analysis
    from strata.migration.run import Migrated, MigrationPlan

Strategy = Annotated[
    str,
    typer.Option(
        help="relative_preferred: relative within a top-level package; absolute; absolute_across_relative_within: "
        "relative within a subpackage, absolute across."
    ),
]
Diff = Annotated[bool, typer.Option("--diff", help="Print the changes as a unified diff too.")]
DEFAULT = "relative_preferred"
_SHOWN = 10  # files of each kind


def places() -> dict[str, Any]:
    """Where the journal, the store and the ledger are: arguments of `migrate` and `roll_back`."""
    from strata.settings import Settings
    from strata.store import open_store

    settings = Settings()
    return {"home": settings.home, "store": open_store(settings), "ledger": settings.ledger}


def reading(tree: Path) -> "Callable[[Sequence[str]], Analysis]":
    """Reads the project with the roots that it is given."""
    return lambda roots: read_project(tree, list(roots))


@contextmanager
def bar() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on stderr that takes (what, done, total); only where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("reading", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


def diff_of(analysis: "Analysis", plan: "MigrationPlan") -> Iterator[str]:
    """The planned changes as a unified diff, those with a proof; bytes that are no UTF-8 are shown as escapes."""
    from strata.migration.project import Step
    from strata.migration.rewrite import live_names
    from strata.migration.run import step_for

    names = live_names(analysis)
    for file in plan.files:
        path = file.path
        step = step_for(analysis.tree.root, file, analysis.files.get(path), names.get(path, ()), analysis.modules)
        if isinstance(step, Step):
            for change in step.changes:
                old, new = (_lines(data) for data in (change.before, change.after))
                yield from difflib.unified_diff(old, new, f"a/{change.path}", f"b/{change.path}")


def _lines(data: bytes | None) -> list[str]:
    return (data or b"").decode(errors="backslashreplace").splitlines(keepends=True)


def show_plan(plan: "MigrationPlan") -> None:
    """What would change, in a few lines."""
    before = plan.figures
    typer.echo(f"strategy    {plan.strategy}")
    typer.echo(f"files       {before.files:,}; {len(plan.files):,} change, in {plan.imports:,} imports")
    after = (before.following + plan.imports) / before.eligible if before.eligible else 1.0
    typer.echo(f"following   {before.share:.1%} of {before.eligible:,} imports of its own; {after:.1%} then")
    for code, count in plan.reasons.items():
        example = next(each for each in plan.refusals if each.code == code)
        where = example.path if example.line is None else f"{example.path}:{example.line}"
        typer.echo(f"left alone  {count:>6,} {code}, such as {where}: {example.message}")


def show_outcome(outcome: "Migrated", *, as_json: bool) -> None:
    """The outcome; exit 1 where something was changed back, or cannot be."""
    if as_json:
        typer.echo(json.dumps(outcome.to_json()))
    else:
        _tell(outcome)
    if outcome.count("rolled-back") or outcome.count("left"):
        raise typer.Exit(1)


def _tell(outcome: "Migrated") -> None:
    for state in ("rolled-back", "left", "refused"):
        found = [file for file in outcome.files if file.state == state]
        for file in found[:_SHOWN]:
            typer.echo(f"{state:<12}{file.path}: {file.code}: {file.reason}")
        if len(found) > _SHOWN:
            typer.echo(f"{'':<12}... and {len(found) - _SHOWN:,} more, with --json")
    unproved = sum(file.state == "kept" and file.code == "unverifiable" for file in outcome.files)
    unseen = f", {unproved:,} of them by the static proof alone: they could not be imported before" if unproved else ""
    typer.echo(f"changed     {outcome.count('kept'):,} files{unseen}")
    typer.echo(
        f"following   {outcome.before.share:.1%} of {outcome.before.eligible:,} imports; now {outcome.after.share:.1%}"
    )
    if outcome.suite is not None and outcome.suite.skipped:
        typer.echo(f"tests       {outcome.suite.skipped}")
    elif outcome.suite is not None:
        typer.echo(f"tests       {_counts(outcome.suite.before)} before; {_counts(outcome.suite.after)} after")
    typer.echo(
        f"{outcome.count('kept')} kept, {outcome.count('refused')} refused, {outcome.count('rolled-back')} rolled back"
    )


def _counts(results: Any) -> str:
    return ", ".join(f"{count:,} {result}" for result, count in sorted(results.items(), reverse=True)) or "none"


def write_plan(plan: "MigrationPlan", out: Path) -> None:
    """The plan as a file that a person can edit."""
    from strata import files

    files.write(out, (json.dumps(plan.to_json(), indent=1) + "\n").encode())
