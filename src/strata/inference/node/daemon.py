"""The process that `strata node` is: start, say so, serve, end cleanly.

What counts as an empty node's memory (`baseline_rss_bytes`): the process when it is ready to serve and holds no shard.
A small decoder has been loaded and run once by then, so the code and tables that any model needs, and the scratch
memory that MKL keeps for its products, are in memory; everything that grows later is counted against the model.
"""

import gc
import json
import os
import sys
from collections.abc import Callable
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
from strata.mesh import INFERENCE, MOST_LINKS, Agent, Device, OwnMember, open_agent, until_told
from strata.settings import Settings
from strata.store import Store
from strata.telemetry import exporting

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
    device: Device = Device.SERVER,
    most_links: int = MOST_LINKS,
    fronting: bool = False,
    libp2p: str | None = None,
    supervised: bool = False,
) -> None:
    """Serve as a node of the mesh in file `mesh` until SIGTERM or SIGINT, or, when supervised, until stdin ends.

    threads: for tensor work; None takes torch's number. threads_alone: for the steps of a session that is
    the only one. device, most_links: as the mesh's agent, which runs here too, on the same port, tells them; fronting:
    pass on links to other members; libp2p: a multiaddr at which all this is reached too. The node's store is
    `home/store`; for what else lies there see `OwnMember`.
    Prints one line of JSON when it is ready: peer_id, name, address, memory_bytes.
    """
    tune_allocator()
    bound_kernels()
    if threads is not None:
        torch.set_num_threads(threads)
    listening = partial(
        open_agent, place=(host, port), device=device, most_links=most_links, fronting=fronting, also=libp2p
    )
    serving = partial(
        _main,
        memory_bytes=memory_bytes,
        threads_alone=threads_alone,
        mobile=device is Device.MOBILE,
        supervised=supervised,
    )
    trio.run(partial(serving, home, mesh, listening))
    sys.stdout.flush()
    sys.stderr.flush()
    # A forward may still run in the worker's thread; the interpreter must not take torch down around it.
    os._exit(0)


async def _main(
    home: Path,
    mesh: Path,
    listening: Callable[[OwnMember], Agent],
    *,
    memory_bytes: int | None,
    threads_alone: int | None,
    mobile: bool,
    supervised: bool,
) -> None:
    own = OwnMember.open(home, mesh)
    name = own.roster.membership.member(own.identity.peer_id).name
    with exporting("strata-node", Settings(), node=name):  # what that takes is no model's either
        await _serve(
            own,
            listening(own),
            memory_bytes=memory_bytes,
            threads_alone=threads_alone,
            mobile=mobile,
            supervised=supervised,
        )


async def _serve(
    own: OwnMember,
    agent: Agent,
    *,
    memory_bytes: int | None,
    threads_alone: int | None,
    mobile: bool,
    supervised: bool,
) -> None:
    worker = Worker()
    await worker.run(warm_up)
    await worker.run(release)
    gc.freeze()  # what is loaded by now stays: later collections need not look at it
    reset_peak()
    budget = memory_bytes if memory_bytes is not None else int(available_memory() * SHARE_OF_AVAILABLE)
    async with until_told(own, agent, supervised=supervised) as nursery:
        node = Node(
            own.identity,
            own.roster,
            Holding(Store(own.home / "store"), worker, budget),
            worker,
            nursery=nursery,
            baseline_rss_bytes=resident_bytes(),
            take_membership=agent.take_membership,
            threads_alone=threads_alone,
            mobile=mobile,
            transport=agent.transport,
        )
        own.announce(await nursery.start(agent.run, {INFERENCE: node.handle}), memory_bytes=budget)


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
