"""`strata mesh topology`: what would cut a mesh, and which links would mend it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.cli.mesh_reading import Json, read_text

if TYPE_CHECKING:
    from strata.mesh import Network, Proposal, WeakSpots

_NOT_REACHED = 3
_SHOWN = 20  # names and links of each kind


def topology(
    graph: Annotated[Path, typer.Argument(metavar="GRAPH.json", help="The mesh; its format is below.")],
    *,
    survive: Annotated[int, typer.Option(help="Failures of peers, any, after which the rest must have paths.")] = 1,
    seconds: Annotated[float, typer.Option(min=0, help="To spend on the cheapest links; small meshes take less.")] = 8,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also drop links that are not needed and no quicker than another way.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say which single peers and links would cut a mesh, and which links to add so that it survives failures.

    The links proposed are the cheapest by the sum of their round trips; what no choice can be below is said. Exit
    status 3: with all possible links and within all limits the mesh does not survive so much; the proposal is how far
    it gets.

    The file:

    {"peers": [{"name": "a", "device": "server", "most_links": 8}, ...],
    "links": [{"ends": ["a", "b"], "rtt_seconds": 0.02}, ...],
    "possible": [the same, of links that are not there and could be]}

    device: server, or mobile, which carries nothing for others. most_links: connections that the peer bears (64 if left
    out). Both may have "bytes_per_second"; links also "jitter_seconds" and "loss".
    """
    from strata.mesh import Network, propose, weak_spots

    network = Network.from_json(read_text(graph))
    before = weak_spots(network)
    proposal = propose(network, survive, seconds=seconds, prune=prune)
    after = weak_spots(proposal.applied(network))
    if as_json:
        typer.echo(json.dumps({"before": asdict(before), "proposal": _document(proposal), "after": asdict(after)}))
    else:
        _show_weak(before)
        _show_proposal(proposal, network)
        _show_after(after, proposal)
    if not proposal.reached:
        raise typer.Exit(_NOT_REACHED)


def _document(proposal: "Proposal") -> dict[str, Any]:
    return asdict(proposal) | {"reached": proposal.reached, "proven_optimal": proposal.proven_optimal}


def _show_weak(found: "WeakSpots") -> None:
    parts = _some([_some(part, 8) for part in found.components], 8, "; ")
    points, bridges = found.articulation_points, [" - ".join(each) for each in found.bridges]
    algebraic = f"algebraic connectivity {found.algebraic_connectivity:.4f}"
    typer.echo(f"parts       {len(found.components)}: {parts}")
    typer.echo(f"cut by      {_counted(len(points), 'peer')}: {_some(points)}")
    typer.echo(f"            {_counted(len(bridges), 'link')}: {_some(bridges)}")
    typer.echo(f"holds       vertex connectivity {found.vertex_connectivity}, {algebraic}")


def _show_proposal(proposal: "Proposal", network: "Network") -> None:
    for what, pairs, known in (("add", proposal.add, network.possible), ("drop", proposal.drop, network.links)):
        for each in pairs[:_SHOWN]:
            typer.echo(f"{what:<10}  {' - '.join(each)}  {known[each].rtt_seconds * 1e3:.1f} ms")
        if len(pairs) > _SHOWN:
            typer.echo(f"            ... and {len(pairs) - _SHOWN:,} more, with --json")
    if not proposal.add:
        typer.echo("add         nothing")
        return
    sure = " (none costs less)" if proposal.proven_optimal else ""
    if proposal.bound and not proposal.proven_optimal:
        sure = f" (none costs less than {proposal.bound * 1e3:.1f} ms)"
    typer.echo(f"cost        {proposal.cost * 1e3:.1f} ms of round trip, {_counted(len(proposal.add), 'link')}{sure}")


def _show_after(after: "WeakSpots", proposal: "Proposal") -> None:
    wanted = _counted(proposal.survive, "failure")
    if proposal.reached:
        typer.echo(f"then        it survives any {wanted}")
    elif proposal.survives < 0:
        typer.echo(f"then        it is in {len(after.components)} parts; no links were found that would join them")
    else:
        left = f"; cut by {_some(after.articulation_points)}" if after.articulation_points else ""
        typer.echo(f"then        it survives any {proposal.survives} of {wanted}; no links were found for more{left}")
    if proposal.beyond:
        typer.echo(f"beyond      {_some(proposal.beyond)}: more links than they bear, and all are needed")


def _some(names: Sequence[str], most: int = _SHOWN, between: str = ", ") -> str:
    if not names:
        return "none"
    return between.join(names[:most]) + (f"{between}... {len(names) - most} more" if len(names) > most else "")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
