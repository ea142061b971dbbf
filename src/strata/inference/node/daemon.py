"""The process that `strata node` is: start, say so, serve, end cleanly.

What counts as an empty node's memory (`baseline_rss_bytes`): the process when it is ready to serve and holds no shard.
A small decoder has been loaded and run once by then, so the code and tables that any model needs, and the scratch
memory that MKL keeps for its products, are in memory; everything that grows later is counted against the model.
"""

import gc
import json
import os
import sys
from functools import partial
from pathlib import Path

import torch
import trio

from strata.inference.decoder.sampling import Sampler, SamplingParams
from strata.inference.decoder.stage import Stage
from strata.inference.node.holding import Holding
from strata.inference.node.node import Node
from strata.inference.node.process_memory import bound_kernels, release, reset_peak, resident_bytes, tune_allocator
from strata.inference.node.worker import Worker
from strata.memory import available_memory
from strata.mesh import INFERENCE, Roster, end_on_signal, end_with_stdin, newest_membership, offering, serve
from strata.secure import Identity, ReplayCache, ReplayFile, open_ech_keys
from strata.store import Store

# Memory that a node leaves to the rest of the machine when nobody tells it its budget.
SHARE_OF_AVAILABLE = 0.8


def run_node(
    home: Path,
    mesh: Path,
    *,
    host: str,
    port: int,
    memory_bytes: int | None = None,
    threads: int | None = None,
    threads_alone: int | None = None,
    fronting: bool = False,
    supervised: bool = False,
) -> None:
    """Serve as a node of the mesh in file `mesh` until SIGTERM or SIGINT, or, when supervised, until stdin ends.

    threads: for tensor work; None takes torch's number. threads_alone: for the steps of a session that is
    the only one. fronting: pass on links to other members.
    The node's key is `home/identity.json`, its store `home/store`, and `home/mesh` the newest membership it has seen;
    `home/ech.json` has the keys that open hellos, `home/replays` which were seen.
    Prints one line of JSON when it is ready: peer_id, name, address, memory_bytes.
    """
    tune_allocator()
    bound_kernels()
    if threads is not None:
        torch.set_num_threads(threads)
    serving = partial(
        _main, memory_bytes=memory_bytes, threads_alone=threads_alone, fronting=fronting, supervised=supervised
    )
    trio.run(partial(serving, home, mesh, host=host, port=port))
    sys.stdout.flush()
    sys.stderr.flush()
    # A forward may still run in the worker's thread; the interpreter must not take torch down around it.
    os._exit(0)


async def _main(
    home: Path,
    mesh: Path,
    *,
    host: str,
    port: int,
    memory_bytes: int | None,
    threads_alone: int | None,
    fronting: bool,
    supervised: bool,
) -> None:
    identity = Identity.load(home / "identity.json")
    roster = Roster(newest_membership(mesh, home / "mesh"))
    own = roster.membership.member(identity.peer_id)
    worker = Worker()
    await worker.run(warm_up)
    await worker.run(release)
    gc.freeze()  # what is loaded by now stays: later collections need not look at it
    reset_peak()
    budget = memory_bytes if memory_bytes is not None else int(available_memory() * SHARE_OF_AVAILABLE)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_on_signal, nursery.cancel_scope)
        if supervised:
            nursery.start_soon(end_with_stdin, nursery.cancel_scope)
        node = Node(
            identity,
            roster,
            Holding(Store(home / "store"), worker, budget),
            worker,
            nursery=nursery,
            baseline_rss_bytes=resident_bytes(),
            membership_file=home / "mesh",
            threads_alone=threads_alone,
        )
        bound = await nursery.start(
            partial(
                serve,
                identity,
                roster,
                offering({INFERENCE: node.handle}),
                host,
                port,
                keys=open_ech_keys(home / "ech.json"),
                replays=ReplayCache(file=ReplayFile(home / "replays")),
                fronting=fronting,
            )
        )
        ready = {
            "peer_id": identity.peer_id, "name": own.name, "address": f"{host}:{bound}", "memory_bytes": budget
        }  # fmt: skip
        print(json.dumps(ready), flush=True)


def warm_up() -> None:
    """Load and run a small decoder in two stages, one sequence and several, drawn and greedy.

    So what every model uses is loaded: code, tables, and the scratch memory of matrix products.
    """
    config = {
        "model_type": "llama", "hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 2,
        "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 4096, "max_position_embeddings": 128,
        "tie_word_embeddings": False,
    }  # fmt: skip
    first, last = (Stage.build(json.dumps(config).encode(), layer, layer, torch.float32) for layer in (0, 1))
    for stage in (first, last):
        weights = stage.model.state_dict()
        stage.load({name: torch.zeros(weight.shape) for name, weight in weights.items()}.__getitem__, weights)
    for batch, temperature in ((1, 0.0), (4, 1.0)):
        sampler = Sampler(SamplingParams(temperature, top_k=8, top_p=0.9), batch)
        padding = list(range(batch))
        before, after = (stage.new_session(batch, padding, 64) for stage in (first, last))
        ids = torch.zeros((batch, 16), dtype=torch.int64)
        for _ in range(4):
            logits = after.forward(before.forward(ids, want="hidden"), want="last_logits")
            with torch.inference_mode():
                ids = sampler.next(logits)[:, None]
