"""`strata evolution`: the champion, its family, candidates that wait for a decision, reports, and the way back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from strata.cli.evolution_import import import_file
from strata.cli.evolution_rebuild import rebuild_model

if TYPE_CHECKING:
    from strata.evolution.lineage import Championship, Family, Rollback, TreeNode
    from strata.evolution.report import FrontModel, GenerationResult
    from strata.store import Change, Ledger, ModelRecord

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="See who is champion and why; decide on candidates; roll back."
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="Of the proposal, as `status` shows it.")]
_GENERATIONS = 5  # that `status` tells of
_SHORT = 12  # digits of a digest: as many as anybody needs to name a model


@app.command()
def status(as_json: Json = False) -> None:
    """Who is champion, since when and why; the latest generations and their verdicts, what waits, what went wrong.

    Differences are candidate minus champion, the mean over domains, with an interval of 90 %, on items no search has
    seen. The front: models that no other beats, being as good in every domain and better in one. Times are UTC.
    """
    from strata.evolution.report import Chronicle
    from strata.store import Approvals, GenerationLog, IncidentLog

    with _opened() as (ledger, family, championship):
        champion = championship.standing()
        generations = GenerationLog(ledger).recent(_GENERATIONS)
        pending = Approvals(ledger).pending()
        incidents = IncidentLog(ledger).open_ones("evolution")
        told = Chronicle(family.store, ledger)
        verdicts = {each.generation: each for each in told.generations()}
        front = told.front()
        subjects = [incident.subject for incident in incidents]
        asked = [digest for each in pending for digest in (each.candidate, each.champion) if digest]
        names = _names(family, [champion.digest] if champion else [], asked, subjects)
    if as_json:
        _print(
            {
                "champion": champion and asdict(champion) | {"name": names.get(champion.digest)},
                "generations": [asdict(each) | _judged(verdicts.get(each.id)) for each in generations],
                "pending": [asdict(approval) | {"name": names.get(approval.candidate)} for approval in pending],
                "incidents": [asdict(incident) for incident in incidents],
                "front": [asdict(model) for model in front],
            }
        )
        return
    if champion is None:
        typer.echo("champion    none yet")
    else:
        typer.echo(f"champion    {_named(champion.digest, names)}")
        typer.echo(f"since       {champion.moved:%Y-%m-%d %H:%M:%S}, {_how(champion)}")
    for generation in generations:
        verdict = verdicts[generation.id]
        ended = f"{generation.finished:%Y-%m-%d %H:%M:%S}" if generation.finished else "under way"
        line = f"generation  {generation.id:>4}  {ended:<19}  {verdict.ending:<8}  {_said(verdict)}"
        typer.echo(line.rstrip())
    if front:
        typer.echo(f"front       {_listed(front)}")
    for approval in pending:
        who = _named(approval.candidate, names)
        whom = _named(approval.champion, names) if approval.champion else "none"
        typer.echo(f"pending     {approval.id:>4}  {approval.proposed:%Y-%m-%d %H:%M:%S}  {who}, judged against {whom}")
        typer.echo(f"                  `strata evolution approve {approval.id}` or `reject {approval.id} --reason ...`")
    for incident in incidents:
        subject = _named(incident.subject, names) if len(incident.subject) == 64 else incident.subject
        typer.echo(f"incident    {incident.id:>4}  {incident.kind}: {subject}: {incident.detail}")
    typer.echo(f"{len(pending)} pending, {len(incidents)} open incidents")


@app.command()
def report(
    incident: Annotated[
        int | None, typer.Option(min=1, metavar="ID", help="Explain this incident, as `strata incidents` numbers it.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the page. Default: in the folder `reports` of STRATA_HOME.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a page with plots: the whole evolution by its ledger, or one incident and what was done about it."""
    from strata.evolution.report import evolution_report, incident_report, write_report
    from strata.settings import Settings

    with _opened() as (ledger, family, _):
        if incident is None:
            found, name = evolution_report(family.store, ledger), "evolution.html"
        else:
            found, name = incident_report(family.store, ledger, incident), f"incident-{incident}.html"
    page = write_report(found, out or Settings().home / "reports" / name)
    if as_json:
        _print({"title": found.title, "verdict": found.verdict, "page": str(page)})
        return
    typer.echo(f"{found.title}: {found.verdict}")
    typer.echo(page)


app.command("import")(import_file)
app.command("rebuild")(rebuild_model)


@app.command()
def lineage(
    model: Annotated[str | None, typer.Argument(help="Name or beginning of the digest; default: the champion.")] = None,
    depth: Annotated[int, typer.Option(min=0, max=100, help="How many steps of ancestors to draw.")] = 5,
    as_json: Json = False,
) -> None:
    """A model above its parents: who they are, by which method and in which generation they were bred."""
    from strata.evolution.lineage import family_tree
    from strata.evolution.report import roles_of

    with _opened() as (_, family, championship):
        root = family.find(model)
        records = family.lineage.ancestry(root.digest)
        standing = championship.standing()
        champion = standing.digest if standing else None
        if as_json:
            rows = [asdict(record) | {"method": family.method(record)} for record in reversed(records)]
            _print({"model": root.digest, "champion": champion, "models": rows})
            return
        known = roles_of(championship.history())
        nodes = {record.digest: _node(family, record, known.get(record.digest)) for record in records}
    for line in family_tree(nodes, root.digest, depth):
        typer.echo(line)
    typer.echo(f"{len(records) - 1} ancestors")


@app.command()
def approve(
    proposal: Id,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the promotion.")] = "approved",
    as_json: Json = False,
) -> None:
    """Make a proposed candidate champion, after every byte of it was verified."""
    from getpass import getuser

    with _opened() as (_, _, championship):
        change = championship.approve(proposal, getuser(), reason)
    if as_json:
        _print({"champion": asdict(change)})
        return
    typer.echo(f"{change.digest[:_SHORT]} is champion, in the place of {(change.previous or 'none')[:_SHORT]}")


@app.command()
def reject(
    proposal: Id, reason: Annotated[str, typer.Option(help="Why; it is kept with the proposal.")], as_json: Json = False
) -> None:
    """Decide against a proposed candidate; the champion stays."""
    from getpass import getuser

    with _opened() as (_, _, championship):
        championship.reject(proposal, getuser(), reason)
    if as_json:
        _print({"rejected": proposal, "reason": reason})
        return
    typer.echo(f"proposal {proposal} is rejected")


@app.command()
def rollback(
    to: Annotated[
        str | None,
        typer.Option(help="A generation, or a former champion's name or digest; default: the last good one."),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the change.")] = "rolled back by hand",
    regressed: Annotated[
        bool, typer.Option("--regressed", help="Hold a regression against the present one: no rollback returns to it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only verify, and say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Put a former champion back in its place, after every byte of it was verified.

    One whose files are gone is made again from its recipe, where it was asked for or no other is whole.
    """
    from strata.evolution.lineage import Championship, PoolMerge
    from strata.evolution.merge import MergePool

    with _opened() as (ledger, family, _), MergePool(family.store) as pool:
        championship = Championship(family.store, ledger, merge=PoolMerge(pool))
        target = None if to is None else _target(family, to)
        kind: Literal["regression", "rollback"] = "regression" if regressed else "rollback"
        done = championship.rollback(target, reason=reason, kind=kind, dry_run=dry_run)
        names = _names(family, [done.left, done.target], [digest for digest, _ in done.passed_over])
    if as_json:
        _print(asdict(done) | {"dry_run": dry_run})
        return
    for digest, wrong in done.passed_over:
        typer.echo(f"passed over {_named(digest, names)}: {wrong}")
    typer.echo(_told(done, names, dry_run))


def _told(done: "Rollback", names: Mapping[str, str], dry_run: bool) -> str:
    what, be = ("would be", "would be ") if dry_run else ("is", "")
    how = f"{be}rebuilt from its recipe" if done.rebuilt else f"verified in {done.seconds:.2f} s"
    return f"{_named(done.target, names)} {what} champion again, in the place of {_named(done.left, names)}; {how}"


def _target(family: "Family", text: str) -> str | int:
    """A short number is a generation; the rest names a model, of the lineage or at least a former champion."""
    if text.isdecimal() and len(text) < 8:
        return int(text)
    return family.find(text).digest if family.lineage.matching(text) else text


def _node(family: "Family", record: "ModelRecord", role: str | None) -> "TreeNode":
    from strata.evolution.lineage import TreeNode

    bred = "founder" if record.founder else f"generation {record.generation}, {family.method(record) or 'recipe lost'}"
    mark = f", {role}" if role else ""
    return TreeNode(record.digest, f"{record.name} {record.digest[:_SHORT]} ({bred}{mark})", record.parents)


def _names(family: "Family", *digests: list[str]) -> dict[str, str]:
    found = family.lineage.find_all([digest for some in digests for digest in some])
    return {record.digest: record.name for record in found}


def _named(digest: str, names: Mapping[str, str]) -> str:
    return f"{names[digest]} {digest[:_SHORT]}" if digest in names else digest[:_SHORT]


def _said(result: "GenerationResult") -> str:
    """The gate's verdict on a generation's candidate, with the interval of its gain."""
    if (gain := result.gain) is None:
        return {"running": "no verdict yet", "failed": "no child could be examined"}.get(result.ending, "")
    where = f" in {', '.join(result.affected)}" if result.affected else ""
    interval = f"{gain.low:+.4f} to {gain.high:+.4f}"
    return f"{result.verdict}{where}: {gain.difference:+.4f} ({interval}, {gain.items:,} items)"


def _judged(result: "GenerationResult | None") -> dict[str, Any]:
    return {} if result is None else {key: asdict(result)[key] for key in ("verdict", "gain", "level", "affected")}


def _listed(front: Sequence["FrontModel"], most: int = 6) -> str:
    named = ", ".join(model.name + (f" ({model.role})" if model.role else "") for model in front[:most])
    return f"{len(front)} models: {named}" + (f" and {len(front) - most} more" if len(front) > most else "")


def _how(change: "Change") -> str:
    of = f" of generation {change.generation}" if change.generation else ""
    return f"by {change.kind}{of}: {change.reason}"


def _print(document: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(document, default=str))


@contextmanager
def _opened() -> Iterator["tuple[Ledger, Family, Championship]"]:
    from strata.evolution.lineage import Championship, Family
    from strata.settings import Settings
    from strata.store import Ledger, open_store

    settings = Settings()
    store = open_store(settings)
    with Ledger(settings.ledger) as ledger:
        yield ledger, Family(store, ledger), Championship(store, ledger)
