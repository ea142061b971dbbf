"""A mesh of nodes inside the test's own process, over real links, and tiny models to put on them."""

import gc
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import torch
import trio
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from strata.inference.node.holding import Holding
from strata.inference.node.leaks import LeakWatch
from strata.inference.node.node import Node
from strata.inference.node.worker import Worker
from strata.inference.plan import Plan, StagePlan
from strata.inference.plan.profile import profile_model
from strata.inference.run.pipeline import NOTHING, Coordinator
from strata.mesh import INFERENCE, OwnMember, Recent, Roster, open_agent
from strata.secure import EchKeys, Identity, Membership, ReplayCache
from strata.store import Store

LAYERS = 5
EVERYTHING = 1 << 40  # what the process holds is the test's, not the node's
DEADLINE_SECONDS = 60  # a test that waits for something that never comes must not wait for ever


def tiny_llama(folder: Path, seed: int = 0, context: int = 256) -> LlamaForCausalLM:
    """A random Llama of five layers with tied weights, saved to `folder`; 0.9 MB."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=64,
        intermediate_size=160,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=256,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        eos_token_id=None,
        bos_token_id=None,
        initializer_range=0.3,  # with the usual 0.02 a random model repeats one token for ever
    )
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(folder)
    return model


def tiny_tokenizer(folder: Path) -> None:
    """Save a tokenizer of a few words beside a tiny model, for whoever asks in text."""
    words = {word: number for number, word in enumerate(["?", "tell", "me", "a", "story"])}
    tokenizer = Tokenizer(WordLevel(words, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?").save_pretrained(folder)


def split(model: Path, nodes: Iterable[str], cuts: Iterable[int], context: int = 64, batch: int = 1) -> Plan:
    """The plan that gives `nodes` the layers between `cuts` (the first layer of each stage but the first)."""
    profile = profile_model(model)
    firsts = [0, *cuts]
    lasts = [*(cut - 1 for cut in cuts), len(profile.layers) - 1]
    stages = tuple(
        StagePlan(
            node=node,
            first=first,
            last=last,
            weight_bytes=profile.stage_weight_bytes(first, last),
            kv_bytes=0,
            workspace_bytes=0,
            seconds=0.0,
            link_seconds=0.0,
        )
        for node, first, last in zip(nodes, firsts, lasts, strict=True)
    )
    return Plan(
        model=model.name, objective="balance", context=context, batch=batch, dtype=profile.dtype, stages=stages,
        value=0.0, lower_bound=0.0, exact=True,
    )  # fmt: skip


@cache
def set_modules_aside() -> None:
    """Let collections look at new objects only, as a node does: nodes collect often, each time 0.2 s otherwise."""
    gc.collect()
    gc.freeze()


@dataclass
class Mesh:
    """Identities by member name, each node's store and the scope that kills it."""

    home: Path
    keys: dict[str, Identity]
    membership: Membership
    nodes: dict[str, Node] = field(default_factory=dict)
    stores: dict[str, Store] = field(default_factory=dict)
    scopes: dict[str, trio.CancelScope] = field(default_factory=dict)

    def roster(self) -> Roster:
        """A roster of one's own."""
        return Roster(self.membership)

    def connect(self, name: str = "coordinator", recent: Recent = NOTHING):
        """Connect as the member of that name, who knows of these sweeps."""
        return Coordinator.connect(self.keys[name], self.roster(), self.home, recent=recent)


@asynccontextmanager
async def mesh_of(
    home: Path,
    nodes: int = 2,
    memory_bytes: int = 64 << 20,
    leaks: LeakWatch | None = None,
    *,
    libp2p: str | None = None,
) -> AsyncIterator[Mesh]:
    """A mesh of `nodes` nodes called a, b, c, ..., the coordinator who owns it, and the coordinator "rival".

    libp2p: a multiaddr at which each of them can be reached too.
    """
    set_modules_aside()
    names = [chr(ord("a") + index) for index in range(nodes)]
    keys = {name: Identity.generate() for name in [*names, "coordinator", "rival"]}
    membership = Membership.found(keys["coordinator"])
    for name in ("coordinator", "rival"):
        membership = membership.with_member(keys[name].card, name, (), ("coordinator",))
    for name in names:
        membership = membership.with_member(keys[name].card, name)
    mesh = Mesh(home, keys, membership)
    rosters = {name: Roster(membership) for name in names}
    worker = Worker()  # shared: building a model is not thread-safe, and real nodes are processes of their own
    failure: Exception | None = None
    try:
        with trio.fail_after(DEADLINE_SECONDS):
            async with trio.open_nursery() as nursery:
                for name in names:
                    mesh.stores[name] = Store(home / name)
                    addresses = await nursery.start(
                        _run, mesh, name, rosters[name], worker, memory_bytes, leaks, libp2p
                    )
                    mesh.membership = mesh.membership.with_member(keys[name].card, name, addresses)
                for roster in rosters.values():
                    roster.update(mesh.membership.seal(keys["coordinator"]))
                try:
                    yield mesh
                except Exception as error:
                    failure = error  # raised below, bare: the nursery would put it into a group
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
    finally:
        worker.stop()


async def _run(mesh, name, roster, worker, memory_bytes, leaks, libp2p, *, task_status) -> None:
    sealed = roster.membership.seal(mesh.keys["coordinator"])
    own = OwnMember(mesh.home / f"{name}.home", mesh.keys[name], roster, sealed, EchKeys(), ReplayCache())
    agent = open_agent(own, ("127.0.0.1", 0), also=libp2p)
    with trio.CancelScope() as mesh.scopes[name]:
        async with trio.open_nursery() as nursery:
            node = mesh.nodes[name] = Node(
                mesh.keys[name],
                roster,
                Holding(mesh.stores[name], worker, memory_bytes),
                worker,
                nursery=nursery,
                baseline_rss_bytes=EVERYTHING,
                take_membership=agent.take_membership,
                leaks=leaks,
                transport=agent.transport,
            )
            address = await nursery.start(agent.run, {INFERENCE: node.handle})
            host = agent.transport._libp2p._running if libp2p else None
            task_status.started((address, *map(str, host.get_transport_addrs() if host else ())))
