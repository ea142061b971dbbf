"""What the mesh holds of a node is heeded at once: it is looked at, dialled briefly, and inherits last."""

from pathlib import Path

import pytest
import trio
import trio.testing

from strata.inference.run import connections
from strata.mesh import AGENT, INFERENCE, Either, HeldState
from tests.support.nodes import Mesh, mesh_of

pytestmark = pytest.mark.anyio


def told(coordinator, mesh: Mesh, name: str, state: HeldState) -> None:
    """What an agent says of it, as the lookout hears it."""
    links = coordinator._connections
    links._lookout._take("an agent", {mesh.keys[name].peer_id: state})


def fall_silent(coordinator, name: str):
    """The node takes what it is sent by this client, and answers nothing any more; returns the client."""
    client = next(each for each in coordinator._connections.clients if each.name == name)

    async def swallow(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    client.wire.send = swallow
    return client


@pytest.mark.parametrize("state", ["suspect", "dead", "left"])
async def test_a_node_that_hangs_is_lost_as_soon_as_the_mesh_says_so(tmp_path: Path, state: HeldState) -> None:
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        silent = fall_silent(coordinator, "b")
        start = trio.current_time()
        told(coordinator, mesh, "b", state)
        # Another client of it is there soon after: it answers whoever dials it anew.
        while any(each is silent for each in coordinator._connections.clients):
            await trio.sleep(0.02)
        took = trio.current_time() - start
        assert took < 2.5, "a node that nobody tells of has 5 s"


@pytest.mark.parametrize("state", ["suspect", "dead"])
async def test_a_node_that_answers_stays_whatever_others_hold_of_it(tmp_path: Path, state: HeldState) -> None:
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        told(coordinator, mesh, "b", state)
        await trio.sleep(1.5 * connections.SUSPECT_SECONDS)
        assert coordinator.nodes == ("a", "b")
        assert coordinator._connections.doubted() == ({"b"} if state == "dead" else set())


async def test_a_dial_under_way_to_who_is_dead_is_given_up_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "DEAD_SECONDS", 0.2)
    dial, waiting = Either.dial, trio.Event()

    async def dialled(self, peer_id, timeout, service=AGENT):
        if service == INFERENCE and mesh.membership.member(peer_id).name == "b":
            waiting.set()
            await trio.sleep_forever()
        return await dial(self, peer_id, timeout, service)

    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        links = coordinator._connections
        monkeypatch.setattr(Either, "dial", dialled)
        await next(client for client in links.clients if client.name == "b").aclose()
        await waiting.wait()
        with trio.fail_after(5):  # of the ten that it would have else
            told(coordinator, mesh, "b", "dead")
            while "b" not in coordinator.unreachable:
                await trio.sleep(0.02)
        assert "held dead" in str(coordinator.unreachable["b"])
