"""`strata plan`: decide which node holds which layers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from strata.cli.options import Dtype, KvCache, Weights, held

if TYPE_CHECKING:
    from strata.inference import Plan

INFEASIBLE = 3


def plan(
    model: Annotated[str, typer.Argument(help="Folder, .gguf file or name of a model; only headers are read.")],
    nodes: Annotated[Path, typer.Option(help="JSON file of nodes and links; its format is below.")],
    *,
    objective: Annotated[
        Literal["latency", "throughput"],
        typer.Option(help="latency: seconds of one token. throughput: seconds of the slowest stage or link."),
    ] = "latency",
    context: Annotated[int, typer.Option(min=1, help="Tokens of each sequence to keep memory for.")] = 2048,
    batch: Annotated[int, typer.Option(min=1, help="Sequences decoded together.")] = 1,
    dtype: Dtype = None,
    weights: Weights = "as-is",
    kv_cache: KvCache = "as-is",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide which node holds which layers.

    Exit status 3 says that the model does not fit, with the bytes that are missing.

    The file of --nodes:

    {"nodes": [{"node": "a", "memory_bytes": 8000000000, "flops": 2e11, "bandwidth": 1.5e10}, ...],
    "links": {"latency": 0.0005, "bandwidth": 1.25e8}}

    memory_bytes: free for the model. flops: FLOP/s. bandwidth: bytes/s of memory, or of links. latency: seconds one
    way. Each of the two under "links" may be a matrix, a row for each node it leads from, in the order of "nodes"; null
    in it means no link. A node may be "mobile": true, and gets layers only where they fit nowhere else.
    """
    from strata.inference import Infeasible, locate_model, make_plan, profile_model, read_nodes

    profiles, links = read_nodes(nodes)
    profile = profile_model(locate_model(model), dtype, held(weights), held(kv_cache))
    try:
        made = make_plan(profile, profiles, links, objective, context=context, batch=batch)
    except Infeasible as error:
        if as_json:
            typer.echo(json.dumps({"feasible": False, "missing_bytes": error.missing_bytes, "where": error.where}))
        typer.echo(f"strata: {error}", err=True)
        raise typer.Exit(INFEASIBLE) from error
    if as_json:
        typer.echo(json.dumps({**made.model_dump(mode="json"), "bottleneck": made.bottleneck}))
    else:
        _show(made)


def _show(made: "Plan") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{made.model}, {made.dtype}, {made.batch} x {made.context} tokens")
    for heading in ("node", "layers", "weights", "KV cache", "workspace", "ms a token", "ms to the next"):
        table.add_column(heading, justify="left" if heading == "node" else "right")
    for stage in made.stages:
        sizes = [f"{size / 1e6:,.1f} MB" for size in (stage.weight_bytes, stage.kv_bytes, stage.workspace_bytes)]
        times = [f"{seconds * 1e3:.3f}" for seconds in (stage.seconds, stage.link_seconds)]
        table.add_row(stage.node, f"{stage.first}-{stage.last}", *sizes, *times)
    console = Console()
    console.print(table)
    proof = "the best possible" if made.exact else f"no placement is below {made.lower_bound * 1e3:.3f} ms"
    console.print(
        f"{made.objective}: {made.value * 1e3:.3f} ms ({proof}); bottleneck: {made.bottleneck}", highlight=False
    )
