"""`strata inference rebalance`: whether layers should move, by measurement."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from strata.inference import Rebalanced

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Look after a model that runs on several nodes."""


@app.command()
def rebalance(
    model: Annotated[str, typer.Argument(help='Folder, .gguf file or name of a model ("smollm2").')],
    *,
    nodes: Annotated[int | None, typer.Option(min=2, help="Start this many nodes here, for this run.")] = None,
    mesh: Annotated[Path | None, typer.Option(help="Use the running nodes of this mesh.")] = None,
    identity: Annotated[Path | None, typer.Option(help="With --mesh: the coordinator's key.")] = None,
    memory: Annotated[str | None, typer.Option(help="With --nodes: bytes each may use, such as 500M.")] = None,
    prompt: Annotated[str, typer.Option(help="What the sessions answer while they are measured.")] = "Tell me a story.",
    sessions: Annotated[int, typer.Option(min=1, help="How many answer at the same time.")] = 8,
    tokens: Annotated[int, typer.Option(min=8, help="Tokens of each answer at most.")] = 512,
    horizon: Annotated[float, typer.Option(min=1, help="Seconds of work that a move must pay for itself in.")] = 300.0,
    dtype: Annotated[str | None, typer.Option(help="float32, bfloat16, float16; default: the checkpoint's.")] = None,
    weights: Annotated[
        Literal["as-is", "int8"], typer.Option(help="int8: one byte a weight of a matrix; as-is: the dtype.")
    ] = "as-is",
    kv_cache: Annotated[
        Literal["as-is", "int8"], typer.Option(help="int8: keys and values in a byte each; as-is: the dtype.")
    ] = "as-is",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Explain what would move, and move nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Run sessions on the nodes, measure every stage meanwhile, and move layers to where they run faster, if that pays.

    The sessions go on while layers move. A move that does not deliver half of what was predicted is undone.
    """
    from strata.cli.inference import parse_size
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
        weights=None if weights == "as-is" else weights,
        kv_cache=None if kv_cache == "as-is" else kv_cache,
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
