"""`strata imports rollback`: bring back every byte that a migration changed."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from strata.cli.imports_reading import Json
from strata.cli.imports_showing import places


def rollback(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE]...", help="Also from the tree's root; all files if none is named."),
    ] = None,
    tree: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    as_json: Json = False,
) -> None:
    """Bring back every byte that the project's newest migration changed; what somebody edited since stays, exit 1."""
    from strata.migration.run import roll_back

    done = roll_back(tree, [_inside(tree, file) for file in files or ()] or None, **places())
    if as_json:
        typer.echo(json.dumps(asdict(done)))
    else:
        for file in done.left:
            typer.echo(f"left        {file.path}: {file.reason}")
        typer.echo(f"{len(done.restored)} files are as before, {len(done.left)} are left as they are")
    if done.left:
        raise typer.Exit(1)


def _inside(tree: Path, file: str) -> str:
    """The path from the tree's root; one that does not lead into the tree is taken for such a path."""
    root, path = tree.resolve(), Path(file).absolute()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else file
