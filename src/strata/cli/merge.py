"""`strata merge`: carry out a mergekit recipe."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

FAILED = 1


def merge(
    recipe: Annotated[Path, typer.Argument(help="mergekit's YAML; a model may also be model:<digest> of the store.")],
    out: Annotated[Path, typer.Argument(help="Folder for the model: new, or empty.")],
    *,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Seed of methods that draw at random.")
    ] = 0,
    threads: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Threads of torch; bytes depend on it. Default: torch's, as mergekit's."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Merge models by a mergekit recipe.

    Writes the same weights, configuration and tokenizer as `mergekit-yaml RECIPE OUT --random-seed SEED`, only quicker,
    and all at once: OUT is complete or not there. Exit status 1 says that the merge failed, and why.
    """
    from strata.evolution.merge import FolderFailed, merge_file
    from strata.settings import Settings
    from strata.store import open_store

    done = merge_file(recipe, out, seed, open_store(Settings()), threads=threads)
    if as_json:
        typer.echo(json.dumps(asdict(done) | {"merged": not isinstance(done, FolderFailed)}, default=str))
    if isinstance(done, FolderFailed):
        typer.echo(f"strata: {done.kind}: {done.detail}", err=True)
        raise typer.Exit(FAILED)
    if not as_json:
        engine = done.engine
        typer.echo(f"{done.out}: {', '.join(done.files)}")
        typer.echo(
            f"{done.seconds:.1f} s, peak {done.peak_bytes / 2**20:,.0f} MiB; mergekit {engine.mergekit}, "
            f"torch {engine.torch}, {engine.capability}, {engine.threads} threads"
        )
