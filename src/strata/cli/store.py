"""`strata store`: list, verify and collect stored artifacts."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

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


def _open() -> "tuple[Store, frozenset[str]]":
    """The configured store, and the digests that the ledger's pointers keep alive."""
    from strata.settings import Settings
    from strata.store import Ledger, Store

    settings = Settings()
    with Ledger(settings.ledger) as ledger:
        return Store(settings.store_root), ledger.digests()
