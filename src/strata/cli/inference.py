"""`strata generate` and `strata node`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from strata.cli.options import (
    Device,
    Dtype,
    Fronting,
    Identity,
    KvCache,
    Mesh,
    Model,
    MostLinks,
    NodeMemory,
    Supervised,
    Weights,
    held,
    parse_device,
    parse_listen,
    parse_size,
)
from strata.errors import StrataError


def node(
    *,
    home: Annotated[Path, typer.Option(help="Folder of this node's key and store.")],
    mesh: Annotated[Path, typer.Option(help="The mesh's membership file.")],
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one.")] = "127.0.0.1:0",
    memory: Annotated[str | None, typer.Option(help="Bytes for weights and KV cache, such as 500M or 2G.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads for tensor work.")] = None,
    threads_alone: Annotated[
        int | None, typer.Option(min=1, help="Threads for the only session, in half precision.")
    ] = None,
    device: Device = "server",
    most_links: MostLinks = 64,
    fronting: Fronting = False,
    libp2p: Annotated[
        str | None, typer.Option(help="Be reached over libp2p too, at this multiaddr (/ip4/…/tcp/…).")
    ] = None,
    supervised: Supervised = False,
) -> None:
    """Run this machine's node: be a member of the mesh, hold a shard of a model and compute with it.

    Prints one line of JSON when ready.

    With STRATA_REQUIRE_ECH=true it dials members only with hellos that hide whom they are for, and so none whose ECH
    config it has not learned yet: start it once without, and it keeps what it learns in its home.
    """
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    from strata.inference import run_node

    host, port = parse_listen(listen)
    run_node(
        home,
        mesh,
        host=host,
        port=port,
        memory_bytes=None if memory is None else parse_size(memory),
        threads=threads,
        threads_alone=threads_alone,
        device=parse_device(device),
        most_links=most_links,
        fronting=fronting,
        libp2p=libp2p,
        supervised=supervised,
    )


def generate(
    model: Model,
    *,
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt; several are answered at the same time.")] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="A file that holds one prompt.")] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Start this many nodes here, for this run.")] = None,
    mesh: Mesh = None,
    identity: Identity = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens to generate at most.")] = 128,
    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest token.")] = 0.0,
    top_k: Annotated[int, typer.Option(min=0, help="Draw from the k likeliest tokens; 0 from all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens of this mass together.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same tokens.")] = 0,
    raw: Annotated[bool, typer.Option("--raw", help="Continue the text: no chat template.")] = False,
    context: Annotated[int | None, typer.Option(min=2, help="Tokens at most, prompt included.")] = None,
    dtype: Dtype = None,
    weights: Weights = "as-is",
    kv_cache: KvCache = "as-is",
    speculate: Annotated[
        int,
        typer.Option(
            min=0,
            max=32,
            help="Guess up to so many next tokens from the text before them and verify them in one pass; 0: off. Pays "
            "where nodes are far apart and the answer repeats its context (summaries, edits of code, lists). The "
            "tokens stay the same, but for near-ties in half precision; one prompt only.",
        ),
    ] = 0,
    memory: NodeMemory = None,
    name: Annotated[str | None, typer.Option(help="Name of the answer: cut off, the same goes on with it.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Then run it in one process, for comparison.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text and tables.")] = False,
) -> None:
    """Answer a prompt with a model whose layers are spread over several nodes."""
    prompts = list(prompt or [])
    if prompt_file is not None:
        try:
            prompts.append(prompt_file.read_text())
        except (OSError, UnicodeDecodeError) as error:
            raise StrataError(f"cannot read {prompt_file}: {error}") from error
    if not prompts:
        raise StrataError("give a --prompt or a --prompt-file")
    from strata.inference import GenerationParams, Request, SamplingParams, answer, generate_baseline

    try:
        sampling = SamplingParams(temperature=temperature, top_k=top_k, top_p=top_p, seed=seed)
    except ValueError as error:
        raise StrataError(str(error)) from error
    request = Request(
        model=model,
        prompts=tuple(prompts),
        params=GenerationParams(
            max_new_tokens=max_new_tokens, sampling=sampling, chat=not raw, context=context, speculate=speculate
        ),
        nodes=nodes,
        mesh=mesh,
        identity=identity,
        memory_bytes=None if memory is None else parse_size(memory),
        dtype=dtype,
        weights=held(weights),
        kv_cache=held(kv_cache),
        name=name,
    )
    from strata.cli.terminal import Terminal

    with Terminal(prompts, quiet=as_json) as terminal:
        outcome = answer(request, on_progress=terminal.progress, on_text=terminal.text)
        alone = generate_baseline(outcome.model, prompts, request.params, outcome.dtype) if compare else None
        terminal.finish(outcome.result, alone, outcome.survey)
    if as_json:
        document = outcome.result.to_json()
        if outcome.survey is not None:
            document["links"] = outcome.survey.to_json()
        if alone is not None:
            document["one_process"] = alone.to_json()
        typer.echo(json.dumps(document, ensure_ascii=False))
