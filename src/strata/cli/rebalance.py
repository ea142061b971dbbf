"""`strata inference`: whether layers should move, by measurement; what nodes hold."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.inference_memory import inference_memory
from strata.cli.options import Dtype, Identity, KvCache, Mesh, Model, NodeMemory, Weights, held, parse_size

if TYPE_CHECKING:
    from strata.inference import Rebalanced

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Look after a model that runs on several nodes."""


@app.command()
def rebalance(
    model: Model,
    *,
    nodes: Annotated[int | None, typer.Option(min=2, help="Start this many nodes here, for this run.")] = None,
    mesh: Mesh = None,
    identity: Identity = None,
    memory: NodeMemory = None,
    prompt: Annotated[str, typer.Option(help="What the sessions answer while they are measured.")] = "Tell me a story.",
    sessions: Annotated[int, typer.Option(min=1, help="How many answer at the same time.")] = 8,
    tokens: Annotated[int, typer.Option(min=8, help="Tokens of each answer at most.")] = 512,
    horizon: Annotated[float, typer.Option(min=1, help="Seconds of work that a move must pay for itself in.")] = 300.0,
    dtype: Dtype = None,
    weights: Weights = "as-is",
    kv_cache: KvCache = "as-is",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Explain what would move, and move nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Run sessions on the nodes, measure every stage meanwhile, and move layers to where they run faster, if that pays.

    The sessions go on while layers move. A move that does not deliver half of what was predicted is undone.
    """
    from strata.cli.terminal import Terminal
    from strata.inference import GenerationParams, Request, move_document, move_sentence, rehearse

    request = Request(
        model=model,
        prompts=(prompt,),
        params=GenerationParams(max_new_tokens=tokens, stop=frozenset()),
        nodes=nodes,
        mesh=mesh,
        identity=identity,
        memory_bytes=None if memory is None else parse_size(memory),
        dtype=dtype,
        weights=held(weights),
        kv_cache=held(kv_cache),
    )
    with Terminal([prompt], quiet=as_json) as terminal:
        done = rehearse(request, sessions=sessions, horizon=horizon, dry_run=dry_run, on_progress=terminal.progress)
    if as_json:
        typer.echo(json.dumps(move_document(done, dry_run=dry_run)))
        return
    _show(done)
    typer.echo(move_sentence(done, dry_run=dry_run))


def _show(done: "Rebalanced") -> None:
    from rich.console import Console
    from rich.table import Table

    from strata.inference import move_rows

    rows = move_rows(done)
    table = Table()
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "node" else "right")
    for row in rows:
        table.add_row(*row.values())
    Console(highlight=False).print(table)


app.command("memory")(inference_memory)
