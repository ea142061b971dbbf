"""Layers that move while generations go on: the very same tokens, and back again where it did not pay."""

from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node.holding import Holding
from strata.inference.plan.nodes import Links
from strata.inference.protocol.messages import MAX_BLOCKS, GetPace, Pace
from strata.inference.rebalance.decide import Move, Stay
from strata.inference.run import measuring, pipeline, rebalancing
from strata.inference.run.errors import RequestRefused
from strata.inference.run.generate import GenerationParams, GenerationResult
from strata.inference.run.local import generate_locally
from strata.inference.run.measuring import NotMeasured, Reading
from strata.inference.run.placed import Placement
from strata.inference.run.running_remote import RemoteRun
from strata.memory import OutOfBudget
from tests.support.nodes import mesh_of, split

pytestmark = pytest.mark.anyio

PROMPTS = [[1, 2, 3, 4, 5], [6, 7]]
PARAMS = [GenerationParams(24), GenerationParams(24, SamplingParams(temperature=0.9, top_k=40, seed=3))]


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> list[list[list[int]]]:
    """What one process answers."""
    return [generate_locally(folder, [p], how).token_ids for p, how in zip(PROMPTS, PARAMS, strict=True)]


class Watcher:
    """Nothing fails here."""

    def failed(self, failure):
        raise AssertionError(failure)

    def sound(self, node, response):
        assert "restarted" in response


class Rehearsal:
    """What one reading after the other shows (seconds of a layer, by node; the last one for ever), and the waiting.

    Generations wait at their tenth token until they are asked to stop, and at their eighteenth for the last reading.
    """

    def __init__(self) -> None:
        self.readings: list[dict[str, float]] = []
        self.gates = {10: trio.Event(), 18: trio.Event()}

    async def take_reading(self, plan, clients, placement, *, recent, patience) -> Reading:
        while len(placement.generations) < len(PROMPTS) and not self.gates[18].is_set():
            await placement._changed.wait()
        if len(self.readings) == 1:
            self.gates[18].set()
        speed = self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]
        window = {s.node: speed.get(s.node, 1e-3) * (s.last - s.first + 1) for s in plan.stages}
        return Reading((window,) * 5, {"a": 1e-4}, len(PROMPTS), 10, None)


@pytest.fixture
def rehearsal(monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    made = Rehearsal()
    tokens, halted = RemoteRun._tokens, Placement.halted

    async def waiting(run, number, rows):
        found = await tokens(run, number, rows)
        if number in made.gates:
            await made.gates[number].wait()
        return found

    @asynccontextmanager
    async def halting(placement):
        made.gates[10].set()
        async with halted(placement):
            yield

    monkeypatch.setattr(rebalancing, "take_reading", made.take_reading)
    # Pings are as slow as the machine is busy, and would then be the bottleneck.
    monkeypatch.setattr(pipeline, "links_between", lambda clients, recent: Links.uniform(len(clients), 1e-6, 1e12))
    monkeypatch.setattr(RemoteRun, "_tokens", waiting)
    monkeypatch.setattr(Placement, "halted", halting)
    return made


async def _run(
    tmp_path: Path, folder: Path, then: Callable, names: str = "abc", nodes: int = 3, watched: bool = True
) -> list[GenerationResult]:
    """Both generations on nodes a, b, c while `then(coordinator, rebalance)` happens."""
    checkpoint, plan = Checkpoint.open(folder), split(folder, names, [1, 3])
    results: list[GenerationResult | None] = [None, None]
    async with mesh_of(tmp_path, nodes=nodes) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)

        async def generate(index: int) -> None:
            results[index] = await coordinator.generate(
                checkpoint, plan, [PROMPTS[index]], PARAMS[index], watcher=Watcher() if watched else None
            )

        async with trio.open_nursery() as nursery:
            for index in range(len(PROMPTS)):
                nursery.start_soon(generate, index)
            await then(lambda **how: coordinator.rebalance(checkpoint, plan, **how))
    return results


@pytest.mark.parametrize("watched", [True, False])
async def test_layers_move_between_two_tokens_and_the_tokens_are_the_same(
    tmp_path: Path, folder: Path, undisturbed, rehearsal: Rehearsal, watched: bool
) -> None:
    rehearsal.readings = [{"b": 4e-3}, {}]

    async def then(rebalance) -> None:
        done = await rebalance()
        assert isinstance(done.decision, Move)
        assert done.judgement.kept
        assert done.pause > 0
        assert done.plan == done.decision.plan

    results = await _run(tmp_path, folder, then, nodes=4, watched=watched)
    assert [result.token_ids for result in results] == undisturbed
    for result in results:
        assert not result.recoveries
        (pause,) = result.pauses
        assert pause > 0
        assert "b" not in {stage.node for stage in result.stages}


async def test_a_move_that_does_not_deliver_is_undone_and_not_tried_again(
    tmp_path: Path, folder: Path, undisturbed, rehearsal: Rehearsal
) -> None:
    rehearsal.readings = [{"b": 4e-3}, dict.fromkeys("acd", 9e-3), {"b": 4e-3}]

    async def then(rebalance) -> None:
        done = await rebalance()
        assert isinstance(done.decision, Move)
        assert not done.judgement.kept
        assert [stage.node for stage in done.plan.stages] == ["a", "b", "c"]
        again = await rebalance()
        assert isinstance(again.decision, Stay)
        assert "undone lately" in again.decision.why

    results = await _run(tmp_path, folder, then, nodes=4)
    assert [result.token_ids for result in results] == undisturbed
    assert [len(result.pauses) for result in results] == [2, 2]


async def test_a_dry_run_moves_nothing(tmp_path: Path, folder: Path, undisturbed, rehearsal: Rehearsal) -> None:
    rehearsal.readings = [{"b": 4e-3}]

    async def then(rebalance) -> None:
        done = await rebalance(dry_run=True)
        assert isinstance(done.decision, Move)
        assert done.pause is None
        rehearsal.gates[10].set()

    results = await _run(tmp_path, folder, then, nodes=4)
    assert [result.token_ids for result in results] == undisturbed
    assert not any(result.pauses for result in results)
    assert [stage.node for stage in results[0].stages] == ["a", "b", "c"]


async def test_a_move_that_a_node_refuses_brings_the_layers_back(
    tmp_path: Path, folder: Path, undisturbed, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsal.readings = [{"b": 4e-3}]
    replaced = Holding._replace

    async def refusing(holding, wire, requests, manifest):
        if rehearsal.gates[10].is_set() and (manifest.first, manifest.last) not in {(0, 0), (1, 2), (3, 4)}:
            raise OutOfBudget("weights", "the stage", 1, 1)
        await replaced(holding, wire, requests, manifest)

    monkeypatch.setattr(Holding, "_replace", refusing)

    async def then(rebalance) -> None:
        with pytest.raises(RequestRefused, match="the stage"):
            await rebalance()
        rehearsal.gates[18].set()

    results = await _run(tmp_path, folder, then)
    assert [result.token_ids for result in results] == undisturbed
    assert [stage.node for stage in results[0].stages] == ["a", "b", "c"]


async def test_tensors_are_stored_beside_what_a_node_holds(tmp_path: Path, folder: Path) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "ab", [2])
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        held = mesh.nodes["a"]._holding.stage
        report = await coordinator._distribute(checkpoint, split(folder, "ab", [4]), store_only=True)
        assert report.shards[0].bytes_sent > 0
        assert mesh.nodes["a"]._holding.stage is held
        again = await coordinator.distribute(checkpoint, split(folder, "ab", [4]))
        assert [shard.bytes_sent for shard in again.shards] == [0, 0]


async def test_a_node_counts_its_pace_and_a_reading_is_made_of_it(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strata.inference.node.pace.BLOCK_SECONDS", 0.0)
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3], context=128, batch=2)
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        clients, placement = coordinator._connections.clients, Placement(plan)
        with pytest.raises(NotMeasured, match="decoded too little within 0 s"):
            await measuring.take_reading(plan, clients, placement, recent=60, patience=0)
        await coordinator.generate(checkpoint, plan, [[1, 2, 3] * 8, [4]], GenerationParams(64))
        reading = await measuring.take_reading(plan, clients, placement, recent=60, patience=0)
        assert all(set(window) == set("abc") and min(window.values()) > 0 for window in reading.windows)
        assert set(reading.replay_seconds) == set("abc")
        assert min(reading.replay_seconds.values()) > 0
        assert (reading.sessions, reading.step_seconds) == (0, None)
        pace = await clients[1].request(GetPace())
        assert isinstance(pace, Pace)
        assert (pace.layers, pace.prompt_rows) == ((1, 2), 2 * 24)
        assert len(pace.blocks) == 63 // 8 <= MAX_BLOCKS
        assert {block.rows for block in pace.blocks} == {16}
        with pytest.raises(NotMeasured, match="node a does not hold layers 0 to 1"):
            await measuring.take_reading(split(folder, "abc", [2, 3]), clients, placement, recent=60, patience=0)
