"""Idle nodes hold what they may inherit: what each is sent, what is taken over, and what comes before it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node import holding
from strata.inference.plan import Layers, Plan
from strata.inference.protocol.messages import Close, Open, Sampling
from strata.inference.run.connections import status_of
from strata.inference.run.distribute import send_shard, write_manifests
from strata.inference.run.errors import RequestRefused
from strata.inference.run.generate import GenerationParams
from strata.inference.run.pipeline import Coordinator
from strata.inference.run.placed import Placement
from strata.inference.run.standby import next_standby
from tests.support.nodes import Mesh, mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = (0, 0), (1, 2), (3, 4)
STAGES = [FIRST, SECOND, THIRD]
GREEDY = GenerationParams(max_new_tokens=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama")
    tiny_llama(path)
    return path


class Silent:
    """A watcher that has nothing to write."""

    def failed(self, failure) -> int:
        return 0

    def recovered(self, key: int, response: str, seconds: float) -> None:
        pass

    def gave_up(self, key: int, response: str) -> None:
        pass

    def leaking(self, node: str, detail: str) -> None:
        pass

    def sound(self, node: str, response: str) -> None:
        pass


def chosen(*prepared: Mapping[Layers, bool]) -> list[tuple[int, Layers]]:
    """In which order nodes that have room for everything are prepared."""
    state = [dict(each) for each in prepared]
    order = []
    while (found := next_standby(STAGES, state)) is not None:
        order.append(found)
        state[found[0]][found[1]] = True
    return order


def test_every_stage_has_one_standby_before_any_has_two() -> None:
    order = chosen({}, {})
    assert sorted(order) == sorted((index, layers) for index in (0, 1) for layers in STAGES)
    assert [layers for _, layers in order[:3]] == STAGES
    assert [index for index, _ in order[:2]] == [0, 1]


def test_a_stage_that_somebody_has_no_memory_for_is_another_node_s_first() -> None:
    assert chosen({FIRST: False}, {SECOND: True})[0] == (1, FIRST)


def test_where_all_are_ready_nothing_is_to_be_done() -> None:
    assert chosen(dict.fromkeys(STAGES, False)) == []
    assert next_standby(STAGES, []) is None


async def _until(placement: Placement, standbys: Mapping[str, set[Layers]]) -> None:
    with trio.fail_after(20):
        while placement.standbys != standbys:
            await trio.testing.wait_all_tasks_blocked()


@asynccontextmanager
async def _answered(home: Path, folder: Path, **options: int) -> AsyncIterator[tuple[Mesh, Coordinator, Plan]]:
    """A mesh of four, three of which hold the layers and have answered once with a watcher."""
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3])
    async with mesh_of(home, nodes=4, **options) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        await coordinator.generate(checkpoint, plan, [[1, 2, 3]], GREEDY, watcher=Silent())
        yield mesh, coordinator, plan


async def test_an_idle_node_takes_a_stage_over_without_anything_sent_or_loaded(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint.open(folder)
    async with _answered(tmp_path, folder) as (mesh, coordinator, plan):
        placement = coordinator._placements[plan]
        await _until(placement, {"d": set(STAGES)})
        idle = mesh.nodes["d"]._holding
        assert len(idle.standbys) == 3
        loads: list[object] = []
        monkeypatch.setattr(holding, "load_stage", lambda *args: loads.append(args))
        mesh.scopes["b"].cancel()
        result = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], GREEDY, watcher=Silent())
        assert [stage.node for stage in result.stages] == ["a", "d", "c"]
        assert not loads
        # It holds its stage, and no more than that.
        assert len(idle.standbys) == 0
        assert idle.account.breakdown().categories["weights"] == idle.stage.weight_bytes
        assert len(mesh.nodes["d"]._sessions) == 0


async def test_a_node_without_the_memory_has_the_tensors_on_disk(tmp_path: Path, folder: Path) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3])
    manifests = write_manifests(checkpoint, plan, tmp_path)
    # Room for the first stage, whose embedding is most of it, and not for another beside it.
    room = plan.stages[1].weight_bytes + plan.stages[2].weight_bytes - 1
    async with _answered(tmp_path, folder, memory_bytes=room) as (mesh, _, _):
        store = mesh.stores["d"]
        with trio.fail_after(20):
            while not all(store.has(tensor.sha256) for manifest in manifests for tensor in manifest.tensors):
                await trio.testing.wait_all_tasks_blocked()
        account = mesh.nodes["d"]._holding.account
        assert 0 < account.used <= room


async def test_a_session_comes_before_what_may_be_needed(tmp_path: Path, folder: Path) -> None:
    checkpoint = Checkpoint.open(folder)
    async with _answered(tmp_path, folder) as (mesh, coordinator, plan):
        await _until(coordinator._placements[plan], {"d": set(STAGES)})
        whole = split(folder, "d", [])
        async with mesh.connect("rival") as rival:
            await rival.distribute(checkpoint, whole)
            with coordinator._standbys.paused():
                (manifest,) = write_manifests(checkpoint, whole, tmp_path)
                client = next(client for client in rival._connections.clients if client.name == "d")
                node = mesh.nodes["d"]._holding
                part = write_manifests(checkpoint, plan, tmp_path)[1]
                other = next(client for client in coordinator._connections.clients if client.name == "d")
                report = await send_shard(other, coordinator._identity, checkpoint, part, None, standby=True)
                assert report.loaded
                assert len(node.standbys) == 1
                await client.request(
                    Open(
                        session="0" * 32, shard=manifest.shard, padding=(0,), max_context=8,
                        kv_bytes=node.account.free + 1, previous=None, following=None, sampling=Sampling(),
                    )
                )  # fmt: skip
                assert len(node.standbys) == 0
                # And while it is open, its tokens do not wait for a load.
                report = await send_shard(other, coordinator._identity, checkpoint, part, None, standby=True)
                assert not report.loaded
                await client.request(Close(session="0" * 32))


async def test_layers_that_are_needed_now_come_before_a_standby_that_is_under_way(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "ab", [2])
    first, second = write_manifests(checkpoint, plan, tmp_path)
    refused: list[str] = []
    begun = trio.Event()
    receive = holding.Holding._receive

    async def slow(self, wire, requests, manifest) -> None:
        if manifest.shard == first.shard and not begun.is_set():
            begun.set()
            await trio.sleep_forever()
        await receive(self, wire, requests, manifest)

    monkeypatch.setattr(holding.Holding, "_receive", slow)
    async with mesh_of(tmp_path, nodes=1) as mesh, mesh.connect() as coordinator:
        (client,) = coordinator._connections.clients

        async def prepare() -> None:
            async with coordinator._connections.aside(client) as link:
                with pytest.raises(RequestRefused) as error:
                    await send_shard(link, coordinator._identity, checkpoint, first, None, standby=True)
                refused.append(error.value.code)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(prepare)
            await begun.wait()
            report = await send_shard(client, coordinator._identity, checkpoint, second, None)
        assert report.loaded
        assert refused == ["busy"]
        status = await status_of(client)
        assert status.weight_bytes == plan.stages[1].weight_bytes
        # What was broken off is taken up later.
        async with coordinator._connections.aside(client) as link:
            report = await send_shard(link, coordinator._identity, checkpoint, first, None, standby=True)
        assert report.loaded
        assert client.lost is None


async def test_distributing_breaks_off_what_is_being_prepared(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3])
    prepare = holding.Holding.prepare
    hanging = trio.Event()

    async def hang(self, *args, **kwargs):
        if not hanging.is_set():
            hanging.set()
            await trio.sleep_forever()
        return await prepare(self, *args, **kwargs)

    monkeypatch.setattr(holding.Holding, "prepare", hang)
    async with mesh_of(tmp_path, nodes=4) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        await coordinator.generate(checkpoint, plan, [[1, 2, 3]], GREEDY, watcher=Silent())
        with trio.fail_after(20):
            await hanging.wait()
            await coordinator.distribute(checkpoint, split(folder, "abcd", [1, 2, 3]))
            await _until(coordinator._placements[plan], {"d": set(STAGES)})
