"""What the commands of `strata imports` share: which project, and reading it with a bar on stderr."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strata.migration.connascence import Code
    from strata.migration.imports import Analysis

TreeFolder = Annotated[Path, typer.Argument(metavar="[TREE]", help="The project's folder.")]
Roots = Annotated[
    list[str] | None,
    typer.Option("--root", metavar="FOLDER", help="On sys.path when it runs; default: as its configuration says."),
]
Tests = Annotated[bool, typer.Option("--tests", help="Count tests too.")]
Vendored = Annotated[bool, typer.Option("--vendored", help="Count copies of other projects too.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def read_project(tree: Path, roots: list[str] | None) -> "Analysis":
    """Read a project; what is found is kept in STRATA_HOME, so that another time only what changed is read."""
    from rich.console import Console
    from rich.progress import Progress

    from strata.migration.imports import analyse, facts_file
    from strata.settings import Settings

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        return analyse(
            tree,
            roots or (),
            kept=facts_file(Settings().home, tree),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


def read_code(tree: Path, roots: list[str] | None, *, tests: bool, vendored: bool) -> "Code":
    """Read a project's code too; places in tests and in copies of other projects count when asked for."""
    return read_code_of(read_project(tree, roots), tests=tests, vendored=vendored)


def read_code_of(analysis: "Analysis", *, tests: bool, vendored: bool) -> "Code":
    """The same for a project whose imports are read."""
    from strata.migration.connascence import code_file
    from strata.migration.connascence import read_code as read
    from strata.settings import Settings

    kept = code_file(Settings().home, analysis.tree.root)
    return read(analysis, kept=kept, tests=tests, vendored=vendored)
