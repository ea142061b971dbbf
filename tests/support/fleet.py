"""A mesh on disk and in this process: members that hold a model's layers and answer as agents, behind one listener."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from strata.inference.node.holding import Holding
from strata.inference.node.node import Node
from strata.inference.node.worker import Worker
from strata.mesh import INFERENCE, Agent, Direct, NeighbourBook, Roster, edit_membership, write_membership
from strata.secure import Identity, Membership
from strata.store import Store
from tests.support.nodes import EVERYTHING, set_modules_aside

MEMORY_BYTES = 64 << 20


@dataclass(frozen=True)
class Fleet:
    """home: the owner's, with `identity.json`. mesh: the membership file. holdings: by node, what it holds."""

    home: Path
    mesh: Path
    owner: Identity
    holdings: dict[str, Holding]


@asynccontextmanager
async def fleet_of(folder: Path, names: Sequence[str]) -> AsyncIterator[Fleet]:
    """Such a mesh, owned by "owner", who is a coordinator."""
    set_modules_aside()
    owner, keys = Identity.generate(), {name: Identity.generate() for name in names}
    fleet = Fleet(folder / "home", folder / "home" / "mesh", owner, {})
    fleet.home.mkdir()
    owner.save(fleet.home / "identity.json")
    membership = Membership.found(owner).with_member(owner.card, "owner", (), ("coordinator",))
    for name in names:
        membership = membership.with_member(keys[name].card, name)
    write_membership(fleet.mesh, membership.seal(owner))
    worker = Worker()  # shared: building a model is not thread-safe, and real nodes are processes of their own
    failure: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            agents = []
            for name in names:
                roster = Roster(membership)
                holding = fleet.holdings[name] = Holding(Store(folder / name), worker, MEMORY_BYTES)
                agent = Agent(
                    keys[name].peer_id,
                    roster,
                    membership.seal(owner),
                    Direct(keys[name], roster),
                    NeighbourBook(membership.mesh_id),
                    version="1",
                )
                agents.append(agent)
                node = Node(
                    keys[name],
                    roster,
                    holding,
                    worker,
                    nursery=nursery,
                    baseline_rss_bytes=EVERYTHING,
                    take_membership=agent.take_membership,
                )
                address = await nursery.start(agent.run, {INFERENCE: node.handle})
                place = (keys[name].card, name, (address,))
                changed = edit_membership(fleet.mesh, owner, lambda known, place=place: known.with_member(*place))
            for agent in agents:
                await agent.take_membership(changed.seal(owner))
            try:
                yield fleet
            except Exception as error:
                failure = error  # raised below, bare: the nursery would put it into a group
            nursery.cancel_scope.cancel()
    finally:
        worker.stop()
    if failure is not None:
        raise failure


def tokenizer_with_words(folder: Path) -> None:
    """A word for each token of a tiny model."""
    words = ["?", "tell", "me", "a", "story", *(f"word{number}" for number in range(5, 256))]
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?").save_pretrained(folder)
