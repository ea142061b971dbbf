"""`strata store`: list, verify and collect stored artifacts, and say where they are."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.store import Store

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look after stored artifacts.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


@app.command("list")
def list_refs(as_json: Json = False) -> None:
    """Every named artifact: kind, name, bytes, digest."""
    store, _ = _open()
    rows = [asdict(ref) | {"bytes": store.size(ref.digest)} for ref in store.refs()]
    if as_json:
        typer.echo(json.dumps({"refs": rows}))
        return
    for row in rows:
        typer.echo(f"{row['kind']:<12} {row['name']:<40} {row['bytes']:>14,}  {row['digest']}")
    typer.echo(f"{len(rows)} artifacts")


@app.command()
def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    grace: Annotated[float, typer.Option(min=0, help="Leave alone what is younger than so many seconds.")] = 3600,
    as_json: Json = False,
) -> None:
    """Remove what no name stands for any more, and what dead writers left behind."""
    store, roots = _open()
    report = store.gc(grace, roots, dry_run=dry_run)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    for digest in report.removed:
        typer.echo(digest)
    typer.echo(
        f"{'would remove' if dry_run else 'removed'} {len(report.removed)} blobs and {report.leftovers} leftovers, "
        f"{report.bytes_freed:,} bytes; {report.kept} blobs stay"
    )


@app.command()
def verify(as_json: Json = False) -> None:
    """Read every blob; name the corrupt and the missing ones, and exit 1 if there are any. Removes nothing."""
    store, roots = _open()
    report = store.verify(roots)
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"sound": report.sound}))
    else:
        for state, digests in (("corrupt", report.corrupt), ("missing", report.missing)):
            for digest in digests:
                typer.echo(f"{state} {digest}")
        typer.echo(
            f"{report.checked} blobs, {report.bytes_checked:,} bytes: "
            f"{len(report.corrupt)} corrupt, {len(report.missing)} missing"
        )
    if not report.sound:
        raise typer.Exit(1)


@app.command()
def status(as_json: Json = False) -> None:
    """What is where: in this machine's folder and, if STRATA_STORE_URL is set, in the store that machines share."""
    from strata.settings import Settings
    from strata.store import open_store, store_status

    found = store_status(open_store(Settings()))
    if as_json:
        typer.echo(json.dumps(asdict(found)))
        return
    for place, held in (("here", found.here), ("shared", found.shared)):
        if held is not None:
            arriving = f", {held.arriving} arriving" if held.arriving else ""
            count, size, names = f"{held.blobs:,} blobs", f"{held.bytes:,} bytes", f"{held.refs:,} names{arriving}"
            typer.echo(f"{place:<6} {count:>14} {size:>22} {names:>14}  {held.where}")
    if found.shared is not None:
        for place, (blobs, total) in (("here", found.only_here), ("shared", found.only_there)):
            typer.echo(f"only {place}: {blobs:,} blobs, {total:,} bytes")


@app.command()
def push(as_json: Json = False) -> None:
    """Put what was stored in this machine's folder alone into the shared store: once, when STRATA_STORE_URL is set.

    What the folder's names and the ledger stand for goes; names that are there already are left as they are.
    """
    from strata.store import SharedStore
    from strata.store import push as push_all

    store, roots = _open()
    if not isinstance(store, SharedStore):
        raise StrataError("set STRATA_STORE_URL to the store to put it into, for example s3://bucket/prefix")
    report = push_all(store, roots)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
        return
    for ref in report.left:
        typer.echo(f"left alone: {ref.kind} {ref.name}, which stands for something else there")
    typer.echo(f"put {report.blobs} blobs, {report.bytes:,} bytes, under {len(report.named)} names")


def _open() -> "tuple[Store, frozenset[str]]":
    """The configured store, and the digests that the ledger's pointers keep alive."""
    from strata.settings import Settings
    from strata.store import Ledger, open_store

    settings = Settings()
    store = open_store(settings)
    with Ledger(settings.ledger) as ledger:
        return store, ledger.digests()
