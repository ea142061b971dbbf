"""What the commands of `strata imports` share: which project, and reading it with a bar on stderr."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from strata.migration.imports import Analysis

TreeFolder = Annotated[Path, typer.Argument(metavar="[TREE]", help="The project's folder.")]
Roots = Annotated[
    list[str] | None,
    typer.Option("--root", metavar="FOLDER", help="On sys.path when it runs; default: as its configuration says."),
]
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
