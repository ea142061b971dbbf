"""`strata evolution rebuild`: any model of the lineage made again from its recipe, and compared bit for bit."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def rebuild_model(
    model: Annotated[str, typer.Argument(help="Name or beginning of the digest, as `lineage` shows it.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write it into; it must not be there yet.")] = None,
    afresh: Annotated[bool, typer.Option("--afresh", help="Merge it again even where its files are whole.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Have a model of any generation whole again, bit for bit, with those it was made from as far back as need be."""
    from strata.errors import StrataError
    from strata.evolution.lineage import Family, Mismatch, PoolMerge, Rebuilt, rebuild
    from strata.evolution.merge import MergePool
    from strata.evolution.models import check_out
    from strata.settings import Settings
    from strata.store import open_store

    if out is not None and out.exists():
        raise StrataError(f"{out} is there already: name another folder")
    settings = Settings()
    store = open_store(settings)
    with Family(store, settings.ledger) as family, MergePool(store) as pool:
        digest = family.find(model).digest
        done = rebuild(store, family.lineage, digest, PoolMerge(pool), afresh=afresh)
    if isinstance(done, Mismatch):
        raise StrataError(f"{done.digest[:12]} came out as {done.found[:12]}: {done.why}")
    if not isinstance(done, Rebuilt):
        raise StrataError(f"{done.digest[:12]} cannot be made again: {done.why}")
    folder = check_out(store, digest, out) if out else None
    if as_json:
        typer.echo(json.dumps(asdict(done) | {"folder": folder and str(folder)}))
        return
    how = (
        f"merged again, and with it {len(done.merged) - 1} ancestors, bit for bit"
        if done.merged
        else "its files are whole"
    )
    typer.echo(f"{digest[:12]}: {how}" + (f"; it is in {folder}" if folder else ""))
