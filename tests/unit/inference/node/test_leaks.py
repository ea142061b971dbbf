"""Sessions that leave tensors behind are found out, told to the coordinator and written down; honest ones are not."""

from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
import trio
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.utils.hooks import RemovableHandle
from transformers import LlamaConfig

from strata.inference.decoder.cache import StageCache
from strata.inference.decoder.cache import allocated_bytes as cache_bytes
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node.leaks import WARM_UP, Held, LeakWatch, held
from strata.inference.node.process_memory import allocated_bytes
from strata.inference.protocol.messages import Open, Sampling, Step
from strata.inference.protocol.wire import Wire
from strata.inference.run.connections import status_of
from strata.inference.run.distribute import write_manifests
from strata.inference.run.generate import GenerationParams, GenerationResult
from strata.inference.run.incidents import recording
from strata.mesh import INFERENCE, dial
from strata.store import IncidentLog
from tests.support.nodes import Mesh, mesh_of, split, tiny_llama

WINDOW = 16
PARAMS = GenerationParams(max_new_tokens=3)


class Watch(LeakWatch):
    """Says how many samples it has taken."""

    def __init__(self) -> None:
        super().__init__(window=WINDOW, warm_up=2)
        self.send, self.taken = trio.open_memory_channel[Held](100)

    def note(self, sample: Held) -> bool:
        grew = super().note(sample)
        self.send.send_nowait(sample)
        return grew


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama") / "model"
    tiny_llama(folder)
    return folder


def _plant(stage, kept: list) -> list[RemovableHandle]:
    """Have every product's result be kept, eightfold."""
    return [
        layer.register_forward_hook(lambda module, inputs, output: kept.append(output.repeat(1, 1, 8)))
        for layer in stage.model.modules()
        if isinstance(layer, nn.Linear)
    ]


@asynccontextmanager
async def _open(mesh: Mesh, folder: Path, *, prompt: list[int] | None) -> AsyncIterator[None]:
    """With a prompt: a session of another link that has been fed it stays open meanwhile."""
    if prompt is None:
        yield
        return
    shard = write_manifests(Checkpoint.open(folder), split(folder, "a", []), mesh.home)[0].shard
    wire = Wire(await dial(mesh.keys["coordinator"], mesh.roster(), mesh.keys["a"].peer_id, service=INFERENCE))
    order = {"session": "0" * 32, "shard": shard, "padding": (0,), "max_context": 64, "kv_bytes": 1000}
    await wire.send(Open(**order, previous=None, following=None, sampling=Sampling()))
    await wire.receive()
    await wire.send(
        Step(session="0" * 32, number=0, shape=(1, len(prompt)), dtype="int64"), array("q", prompt).tobytes()
    )
    await wire.receive()
    yield
    await wire.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("leaks", [True, False])
async def test_a_hook_that_keeps_tensors_is_found_within_two_windows_and_lifted_when_it_has_gone(
    tmp_path: Path, llama: Path, leaks: bool, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strata.inference.node.leaks.LOADED_SECONDS", 0.0)
    checkpoint, watch, kept = Checkpoint.open(llama), Watch(), []
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with mesh_of(tmp_path, nodes=1, leaks=watch) as mesh, mesh.connect() as coordinator:
        plan = split(llama, "a", [])
        await coordinator.distribute(checkpoint, plan)

        async def windows(count: int) -> GenerationResult:
            with recording(ledger) as (watcher, _):
                for _ in range(count * WINDOW):
                    await coordinator.generate(checkpoint, plan, [[1, 2, 3]], PARAMS, watcher=watcher)
                    sample = await watch.taken.receive()
                    assert sample.sessions == busy
                result = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], PARAMS, watcher=watcher)
                await watch.taken.receive()
                return result

        async with _open(mesh, llama, prompt=[4, 5, 6] if busy else None):
            hooks = _plant(mesh.nodes["a"]._holding.stage, kept) if leaks else []
            result = await windows(2)
            (client,) = coordinator._connections.clients
            status = await status_of(client)
            with IncidentLog(ledger) as log:
                incidents = log.recent("inference")
            assert status.leak == result.stages[0].leak == watch.found
            if not leaks:
                assert (watch.found, incidents) == ("", ())
                return
            assert f"allocated bytes {'under load ' * busy}grow" in watch.found
            # One of the first window, and one of the second, whose slope reads differently, at most.
            assert {(each.kind, each.subject, each.state) for each in incidents} == {("memory leak", "a", "open")}
            assert 1 <= len(incidents) <= 2
            for hook in hooks:
                hook.remove()
            await windows(2)
        assert watch.found == ""
        with IncidentLog(ledger) as log:
            ended = log.recent("inference")
        assert len(ended) >= len(incidents)
        assert {(each.state, each.response) for each in ended} == {
            ("resolved", "no leak is found any more: nothing grew in its latest window")
        }


@pytest.mark.anyio
async def test_the_leak_of_a_node_that_was_restarted_is_over(tmp_path: Path, llama: Path) -> None:
    checkpoint, plan, ledger = Checkpoint.open(llama), split(llama, "a", []), f"sqlite:///{tmp_path / 'ledger.db'}"
    with IncidentLog(ledger) as log:
        for node in ("a", "b"):
            log.begin(pipeline="inference", kind="memory leak", subject=node, detail="allocated bytes grow")
        async with mesh_of(tmp_path, nodes=1) as mesh, mesh.connect() as coordinator:
            await coordinator.distribute(checkpoint, plan)
            with recording(ledger) as (watcher, _):
                await coordinator.generate(checkpoint, plan, [[1, 2, 3]], PARAMS, watcher=watcher)
        other, mine = log.recent()
    assert (other.subject, other.state) == ("b", "open")
    assert (mine.subject, mine.state) == ("a", "resolved")
    assert "restarted" in mine.response


@given(st.lists(st.integers(0, 3), min_size=200, max_size=400), st.integers(0, 2**32 - 1))
def test_growing_load_without_a_leak_raises_none(arrivals: list[int], seed: int) -> None:
    """Whatever a session takes beside its cache, and whatever the noise: more of them are no trend."""
    random, watch, sessions = np.random.default_rng(seed), LeakWatch(), 1
    each = int(random.integers(0, 1 << 20))
    for number, arrived in enumerate(arrivals):
        sessions += arrived - int(number % 3 == 0 and sessions > 1)
        noise = int(random.exponential(300_000))
        assert not watch.note(Held(0, 10_000_000 + sessions * each + noise, sessions))
    assert watch.found == ""


def test_a_leak_under_changing_load_is_found_and_others_are_not() -> None:
    for leak in (0, 400_000):
        random, watch = np.random.default_rng(17), LeakWatch()
        for number in range(8 * WARM_UP + 4 * 4 * 64):
            sessions = int(random.integers(8, 12))
            watch.note(Held(0, sessions * 100_000 + number * leak + int(random.exponential(300_000)), sessions))
        assert bool(watch.found) == bool(leak)


def test_one_clean_window_under_load_does_not_lift_what_was_found_without() -> None:
    watch = LeakWatch(window=WINDOW, warm_up=0)
    for index in range(WINDOW):
        watch.note(Held(0, index << 20))
    for _ in range(2 * WINDOW):
        watch.note(Held(0, 7, sessions=3))
    assert watch.found.startswith("allocated bytes grow")
    for _ in range(WINDOW):
        watch.note(Held(0, 7))
    assert (watch.found, watch.windows) == ("", 2 * 2 + 2)


def test_caches_are_subtracted_to_the_byte() -> None:
    def room(tokens: int) -> StageCache:
        cache = StageCache(LlamaConfig(hidden_size=64, num_attention_heads=4, num_hidden_layers=2), 1000)
        for layer in cache.cache.layers:
            layer.update(torch.zeros(1, 4, tokens, 16), torch.zeros(1, 4, tokens, 16))
        return cache

    assert cache_bytes([room(1), room(900)]) == 2 * 2 * 2 * 1000 * 64 * 4


@pytest.mark.skipif(allocated_bytes() is None, reason="NOT TESTED: only glibc says what is allocated")
def test_a_tensor_is_allocated_until_its_last_view_is_gone() -> None:
    before = held()
    view = torch.ones(1 << 20, dtype=torch.uint8)[:5]
    assert held().allocated - before.allocated == pytest.approx(1 << 20, rel=0.05)
    del view
    assert held().allocated - before.allocated < 1 << 15


def test_loading_another_shard_begins_anew() -> None:
    watch = LeakWatch(window=WINDOW, warm_up=0)
    for index in range(4 * WINDOW):
        if index % (WINDOW // 2) == 0:
            watch.begin()
        assert not watch.note(Held(0, index << 20))
    assert watch.found == ""
