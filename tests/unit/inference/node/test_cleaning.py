"""A clean-up: which sessions it ends, that standbys go, and that what computes stays."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node import cleaning
from strata.inference.node.process_memory import resident_bytes
from strata.inference.protocol.messages import CleanUp, Failed, GetProgress, Open, Progress, Sampling, Step
from strata.inference.protocol.wire import Wire
from strata.inference.run.connections import status_of
from strata.inference.run.distribute import send_shard, write_manifests
from strata.inference.run.errors import NodeLost, RequestRefused
from strata.inference.run.peers import NodeClient
from strata.inference.run.pipeline import Coordinator
from strata.mesh import INFERENCE, dial
from tests.support.nodes import Mesh, mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio

IDLE, USED = "0" * 32, "1" * 32
SEVEN = (7).to_bytes(8, "little")


@asynccontextmanager
async def _holding(home: Path) -> AsyncIterator[tuple[Mesh, Coordinator, NodeClient, str]]:
    """A node that holds a whole model, and its coordinator."""
    tiny_llama(home / "model")
    checkpoint = Checkpoint.open(home / "model")
    async with mesh_of(home, nodes=1) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, "a", [])
        await coordinator.distribute(checkpoint, plan)
        (manifest,) = write_manifests(checkpoint, plan, mesh.home)
        (client,) = coordinator._connections.clients
        yield mesh, coordinator, client, manifest.shard


def _order(session: str, shard: str) -> Open:
    return Open(
        session=session, shard=shard, padding=(0,), max_context=8, kv_bytes=1000, previous=None, following=None,
        sampling=Sampling(), workspace_bytes=300,
    )  # fmt: skip


def _let_idle(mesh: Mesh, session: str, seconds: float) -> None:
    mesh.nodes["a"]._sessions.touch(session, trio.current_time() - seconds)


async def test_idle_sessions_end_and_their_coordinator_is_told(tmp_path: Path) -> None:
    async with _holding(tmp_path) as (mesh, coordinator, client, shard):
        told: list[object] = []
        client._on_event = lambda event, _: told.append(event)
        for session in (IDLE, USED):
            await client.request(_order(session, shard))
        _let_idle(mesh, IDLE, 61)
        _let_idle(mesh, USED, 59)
        cleaned = await coordinator.clean_up("a", idle_seconds=60)
        assert (cleaned.sessions, cleaned.session_bytes) == (1, 1000)
        assert (cleaned.standbys, cleaned.standby_bytes) == (0, 0)
        assert cleaned.resident_after > 0
        assert abs(cleaned.resident_before - resident_bytes()) < 1 << 30
        status = await status_of(client)
        assert (status.sessions, status.cache_bytes, status.workspace_bytes) == (1, 1000, 300)
        (failed,) = told
        assert isinstance(failed, Failed)
        assert (failed.session, failed.reason) == (IDLE, f"session ended: {cleaning.REASON}")
        _let_idle(mesh, USED, 60)
        assert (await coordinator.clean_up("a", idle_seconds=60)).sessions == 1
        assert (await status_of(client)).workspace_bytes == 0


async def test_sessions_of_others_end_too_and_nodes_may_not_ask(tmp_path: Path) -> None:
    async with _holding(tmp_path) as (mesh, _, client, shard):
        await client.request(_order(IDLE, shard))
        _let_idle(mesh, IDLE, 100)
        link = Wire(await dial(mesh.keys["a"], mesh.roster(), mesh.keys["a"].peer_id, service=INFERENCE))
        await link.send(CleanUp(idle_seconds=60.0))
        refused, _ = await link.receive()
        assert refused.code == "role"
        await link.aclose()
        assert (await status_of(client)).sessions == 1
        async with mesh.connect("rival") as rival:
            assert (await rival.clean_up("a")).sessions == 1


async def test_a_session_that_computes_is_not_idle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with _holding(tmp_path) as (mesh, coordinator, client, shard):
        node, free, begun = mesh.nodes["a"], threading.Event(), trio.Event()

        def looked() -> int:
            begun.set()
            return resident_bytes()

        monkeypatch.setattr(cleaning, "resident_bytes", looked)
        await client.request(_order(IDLE, shard))
        node._worker.post(free.wait, lambda _: None)
        await client.send(Step(session=IDLE, number=0, shape=(1, 1), dtype="int64"), SEVEN)
        progress = await client.request(GetProgress(session=IDLE))
        assert progress == Progress(taken=1, computed=0, sent=0)
        _let_idle(mesh, IDLE, 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(begun_then, begun, free)
            cleaned = await coordinator.clean_up("a")
        assert cleaned.sessions == 0
        assert (await status_of(client)).sessions == 1


async def begun_then(begun: trio.Event, free: threading.Event) -> None:
    await begun.wait()
    free.set()


async def test_standbys_are_dropped_and_not_loaded_again(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "model")
    checkpoint = Checkpoint.open(tmp_path / "model")
    plan = split(checkpoint.path, "ab", [2])
    first, second = write_manifests(checkpoint, plan, tmp_path)
    async with mesh_of(tmp_path, nodes=1) as mesh, mesh.connect() as coordinator:
        (client,) = coordinator._connections.clients
        await send_shard(client, coordinator._identity, checkpoint, first, None)
        report = await send_shard(client, coordinator._identity, checkpoint, second, None, standby=True)
        assert report.loaded
        account = mesh.nodes["a"]._holding.account
        status = await status_of(client)
        held = status.standby_bytes
        assert held == account.breakdown().categories["weights"] - status.weight_bytes > 0
        cleaned = await coordinator.clean_up("a")
        assert (cleaned.standbys, cleaned.standby_bytes) == (1, held)
        status = await status_of(client)
        assert (status.standby_bytes, status.weight_bytes) == (0, account.breakdown().categories["weights"])
        assert coordinator._placements == {}


async def test_what_cannot_be_cleaned_says_so(tmp_path: Path) -> None:
    async with mesh_of(tmp_path, nodes=1) as mesh, mesh.connect() as coordinator:
        with pytest.raises(NodeLost, match="nobody"):
            await coordinator.clean_up("nobody")
        assert set(await coordinator.statuses()) == {"a"}
        mesh.scopes["a"].cancel()
        with pytest.raises((NodeLost, RequestRefused)):
            await coordinator.clean_up("a")
        assert await coordinator.statuses() == {}
