"""`strata mesh bandwidth`: which rate each flow through a mesh may have."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.mesh_reading import Json, read_text

if TYPE_CHECKING:
    from strata.mesh import Allocation

_SHOWN = 40  # rows of each table


def bandwidth(
    flows: Annotated[Path, typer.Argument(metavar="FLOWS.json", help="A mesh and its flows; the format is below.")],
    as_json: Json = False,
) -> None:
    """Share the bandwidth of a mesh fairly: say which rate each flow may have, and what binds it.

    Control gets what it asks for first. All others share what is left by weight (activations 16, shards 4, gossip 1):
    no flow can get more but at the cost of one that has no more for its weight (weighted max-min fairness). A link
    carries its bytes_per_second each way; a peer sends as much as its own in all, and receives as much.

    The file:

    {"network": {"peers": [...], "links": [...]},
    "flows": [{"name": "prompts", "source": "a", "target": "c", "kind": "activations"}, ...]}

    network: as `strata mesh topology` reads it, with "bytes_per_second" where there is a limit. kind: control,
    activations, shards or gossip. A flow may have "bytes_per_second", what it asks for (control must), and "route", all
    peers it passes from source to target; left out, it goes the quickest way.
    """
    from strata.mesh import allocate, read_flows

    network, wanted = read_flows(read_text(flows))
    found = allocate(wanted, network)
    if as_json:
        typer.echo(json.dumps(found.to_json()))
    else:
        _show(found)


def _show(found: "Allocation") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table()
    for heading in ("flow", "kind", "route", "MB/s", "bound by"):
        table.add_column(heading, justify="right" if heading == "MB/s" else "left", no_wrap=heading != "route")
    for name, each in list(found.shares.items())[:_SHOWN]:
        rate = f"{each.bytes_per_second / 1e6:,.3f}" if math.isfinite(each.bytes_per_second) else "no limit"
        route = " > ".join(each.route) or f"{each.flow.source} ... {each.flow.target}"
        table.add_row(name, each.flow.kind, route, rate, each.bound_by or "")
    console.print(table, markup=False)
    full = sorted(found.used.items(), key=lambda each: -each[1][0] / each[1][1])
    for what, (used, limit) in full[:_SHOWN]:
        console.print(f"{used / limit:7.1%}  {what}  ({used / 1e6:,.3f} of {limit / 1e6:,.3f} MB/s)", markup=False)
    if (more := max(len(found.shares), len(full)) - _SHOWN) > 0:
        console.print(f"... and up to {more:,} more rows, with --json")
