"""Sessions that leave tensors behind are found out, told to the coordinator and written down; honest ones are not."""

from pathlib import Path

import pytest
import torch
import trio
from torch import nn

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node.leaks import Held, LeakWatch, held
from strata.inference.node.process_memory import allocated_bytes
from strata.inference.run.connections import status_of
from strata.inference.run.generate import GenerationParams
from strata.inference.run.incidents import recording
from strata.store import IncidentLog
from tests.support.nodes import mesh_of, split, tiny_llama

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


@pytest.mark.anyio
@pytest.mark.parametrize("leaks", [True, False])
async def test_a_hook_that_keeps_tensors_is_found_within_two_windows(tmp_path: Path, llama: Path, leaks: bool) -> None:
    checkpoint, watch, kept = Checkpoint.open(llama), Watch(), []
    ledger = f"sqlite:///{tmp_path / 'ledger.db'}"
    async with mesh_of(tmp_path, nodes=1, leaks=watch) as mesh, mesh.connect() as coordinator:
        plan = split(llama, "a", [])
        await coordinator.distribute(checkpoint, plan)
        if leaks:
            stage = mesh.nodes["a"]._holding.stage
            for layer in stage.model.modules():
                if isinstance(layer, nn.Linear):
                    layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
        with recording(ledger) as (watcher, _):
            for _ in range(2 + 2 * WINDOW):
                await coordinator.generate(checkpoint, plan, [[1, 2, 3]], PARAMS, watcher=watcher)
                await watch.taken.receive()
            result = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], PARAMS, watcher=watcher)
        (client,) = coordinator._connections.clients
        status = await status_of(client)
    with IncidentLog(ledger) as log:
        incidents = log.recent("inference")
    assert status.leak == result.stages[0].leak == watch.found
    if leaks:
        assert "allocated bytes grow" in watch.found
        # One of the first window, and one of the second, whose slope reads differently, at most.
        assert {(each.kind, each.subject, each.state) for each in incidents} == {("memory leak", "a", "open")}
        assert 1 <= len(incidents) <= 2
    else:
        assert (watch.found, incidents) == ("", ())


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
