"""The pipeline over links that go through a front."""

from collections import Counter
from functools import partial
from pathlib import Path

import pytest
import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.run.generate import GenerationParams
from strata.mesh import Lookout, Roster, serve
from strata.mesh.front import Front
from strata.secure import Identity
from tests.support.nodes import mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio


async def test_nodes_behind_a_front_compute_as_they_would_before_it(tmp_path: Path, monkeypatch) -> None:
    tiny_llama(tmp_path / "model")
    checkpoint, params = Checkpoint.open(tmp_path / "model"), GenerationParams(max_new_tokens=6)
    plan, passed_on = split(tmp_path / "model", ["a", "b"], [2]), []
    reach = Front.reach

    async def noted(self, opened):
        passed_on.append(opened.peer_id)
        return await reach(self, opened)

    async def nobody(self):
        await trio.sleep_forever()

    monkeypatch.setattr(Front, "reach", noted)
    monkeypatch.setattr(Lookout, "run", nobody)  # whose links would be counted too
    async with mesh_of(tmp_path) as mesh, trio.open_nursery() as nursery:
        async with mesh.connect() as coordinator:
            await coordinator.distribute(checkpoint, plan)
            before = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], params)
        front, owner = Identity.generate(), mesh.keys["coordinator"]
        roster = Roster(mesh.membership.with_member(front.card, "front", (), ("coordinator",)))
        port = await nursery.start(partial(serve, front, roster, trio.sleep_forever, fronting=True))
        membership = roster.membership.with_member(front.card, "front", [f"127.0.0.1:{port}"], ("coordinator",))
        for name in ("a", "b"):
            addresses = ["@front", *membership.named(name).addresses]
            membership = membership.with_member(mesh.keys[name].card, name, addresses)
        mesh.membership = membership
        for each in (roster, *(node._transport._roster for node in mesh.nodes.values())):
            each.update(membership.seal(owner))
        async with mesh.connect() as coordinator:
            await coordinator.distribute(checkpoint, plan)
            after = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], params)
        nursery.cancel_scope.cancel()
    assert after.token_ids == before.token_ids
    # The coordinator's links to both nodes, and the one from the first node to the second.
    # On a busy machine one may be made anew.
    assert Counter(passed_on) >= Counter(mesh.keys[name].peer_id for name in ("a", "b", "b"))
