"""A generation that goes on when its nodes do not: the very same tokens, and a record of what happened."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio
import trio.testing

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node import running
from strata.inference.run import mesh_nodes, watchdog
from strata.inference.run.errors import StageFailed
from strata.inference.run.failover import describe_move
from strata.inference.run.generate import GenerationParams, GenerationResult
from strata.inference.run.local import generate_locally
from tests.support.nodes import Mesh, mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio

PROMPTS = [[1, 2, 3, 4, 5], [6, 7]]
GREEDY = GenerationParams(max_new_tokens=24)
DRAWN = GenerationParams(max_new_tokens=24, sampling=SamplingParams(temperature=0.9, top_k=40, seed=3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("llama")
    tiny_llama(path)
    return path


@dataclass
class Notes:
    """A watcher that remembers."""

    failures: list[StageFailed] = field(default_factory=list)
    responses: dict[int, str] = field(default_factory=dict)
    abandoned: dict[int, str] = field(default_factory=dict)

    def failed(self, failure: StageFailed) -> int:
        self.failures.append(failure)
        return len(self.failures) - 1

    def recovered(self, key: int, response: str, seconds: float) -> None:
        assert seconds >= 0
        self.responses[key] = response

    def gave_up(self, key: int, response: str) -> None:
        self.abandoned[key] = response

    def sound(self, node: str, response: str) -> None:
        assert "restarted" in response


async def _generate(mesh: Mesh, folder: Path, nodes: str, params: GenerationParams, notes: Notes) -> GenerationResult:
    checkpoint, plan = Checkpoint.open(folder), split(folder, nodes, [1, 3], context=64, batch=2)
    async with mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        return await coordinator.generate(checkpoint, plan, PROMPTS, params, watcher=notes)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> dict[GenerationParams, list[list[int]]]:
    """What one process answers."""
    return {params: generate_locally(folder, PROMPTS, params).token_ids for params in (GREEDY, DRAWN)}


@pytest.mark.parametrize("params", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("victim", ["a", "b", "c"])
async def test_an_idle_node_takes_over_and_the_tokens_are_the_same(
    tmp_path: Path, folder: Path, undisturbed, at_token, victim: str, params: GenerationParams
) -> None:
    notes = Notes()
    async with mesh_of(tmp_path, nodes=4) as mesh:
        at_token(7, mesh.scopes[victim].cancel)
        result = await _generate(mesh, folder, "abc", params, notes)
    assert result.token_ids == undisturbed[params]
    (recovery,) = result.recoveries
    assert recovery.node == victim
    assert recovery.response.endswith("to d")
    assert recovery.seconds > 0
    assert {stage.node for stage in result.stages} == set("abcd") - {victim}
    assert list(notes.responses) == [0]
    assert not notes.abandoned


async def test_a_node_that_was_suspected_wrongly_costs_a_move_and_leaves_nothing(
    tmp_path: Path, folder: Path, undisturbed, at_token
) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3], context=64, batch=2)
    async with mesh_of(tmp_path, nodes=4) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        client = coordinator._connections.clients[1]

        def suspect() -> None:
            client._lose("it has not answered")
            client._reading.cancel()

        at_token(7, suspect)
        result = await coordinator.generate(checkpoint, plan, PROMPTS, DRAWN, watcher=Notes())
        assert result.token_ids == undisturbed[DRAWN]
        assert [stage.node for stage in result.stages] == ["a", "d", "c"]
        with trio.fail_after(10):
            while any(len(node._sessions) for node in mesh.nodes.values()):
                await trio.testing.wait_all_tasks_blocked()
        # It is back, and the next one for whom something can be moved.
        with trio.fail_after(10):
            while coordinator._placements[plan].standbys.get("b") != {(0, 0), (1, 2), (3, 4)}:
                await trio.testing.wait_all_tasks_blocked()
        account = mesh.nodes["b"]._holding.account.breakdown().categories
        assert (account["cache"], account["workspace"]) == (0, 0)


async def test_without_an_idle_node_those_that_are_left_share_the_layers(
    tmp_path: Path, folder: Path, undisturbed, at_token
) -> None:
    async with mesh_of(tmp_path, nodes=3) as mesh:
        at_token(3, mesh.scopes["b"].cancel)
        at_token(9, mesh.scopes["a"].cancel)
        result = await _generate(mesh, folder, "abc", GREEDY, Notes())
    assert result.token_ids == undisturbed[GREEDY]
    assert [recovery.node for recovery in result.recoveries] == ["b", "a"]
    assert [stage.node for stage in result.stages] == ["c"]


async def test_without_any_node_this_process_goes_on(tmp_path: Path, folder: Path, undisturbed, at_token) -> None:
    async with mesh_of(tmp_path, nodes=3) as mesh:
        at_token(5, lambda: [scope.cancel() for scope in mesh.scopes.values()])
        result = await _generate(mesh, folder, "abc", DRAWN, Notes())
    assert result.token_ids == undisturbed[DRAWN]
    assert [stage.node for stage in result.stages] == ["this process"]


async def test_where_nothing_is_left_the_failure_is_told_and_written_down(
    tmp_path: Path, folder: Path, at_token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesh_nodes, "available_memory", lambda: 0)
    notes = Notes()
    async with mesh_of(tmp_path, nodes=3) as mesh:
        at_token(5, lambda: [scope.cancel() for scope in mesh.scopes.values()])
        with pytest.raises(StageFailed):
            await _generate(mesh, folder, "abc", GREEDY, notes)
    assert notes.failures
    assert set(notes.abandoned) == set(range(len(notes.failures)))


async def test_a_fault_of_the_model_is_not_moved_about_for_ever(tmp_path: Path, folder: Path) -> None:
    notes = Notes()
    plan = split(folder, "ab", [2])
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(Checkpoint.open(folder), plan)
        with pytest.raises(StageFailed, match="index out of range"):
            await coordinator.generate(Checkpoint.open(folder), plan, [[1, 999_999]], watcher=notes)
    assert 1 < len(notes.failures) <= 5


async def test_a_stage_that_hangs_but_answers_is_noticed(
    tmp_path: Path, folder: Path, undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LATE_SECONDS", "LOST_SECONDS", "STEP_SECONDS"):
        monkeypatch.setattr(watchdog, name, 0.2)
    monkeypatch.setattr(watchdog, "STEP_FACTOR", 0.0)
    advance = running.StageRun._advance
    hung: list[running.StageRun] = []

    async def hanging(run, step, payload):
        if run.session.length > 12 and run._sampler is not None and not hung:
            hung.append(run)
        if run in hung:
            await trio.sleep_forever()
        await advance(run, step, payload)

    monkeypatch.setattr(running.StageRun, "_advance", hanging)
    async with mesh_of(tmp_path, nodes=4) as mesh:
        result = await _generate(mesh, folder, "abc", GREEDY, Notes())
    assert result.token_ids == undisturbed[GREEDY]
    (recovery,) = result.recoveries
    assert (recovery.node, recovery.reason) == ("c", "it does not come to an end with a step")


async def test_what_a_stage_sends_and_the_next_never_gets_is_noticed(
    tmp_path: Path, folder: Path, undisturbed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LATE_SECONDS", "LOST_SECONDS"):
        monkeypatch.setattr(watchdog, name, 0.2)
    feed = running.StageRun.feed
    deaf: list[running.StageRun] = []

    def losing(run, step, payload, sender):
        if run.order.previous is not None and run.session.length > 12 and not deaf:
            deaf.append(run)
        if run not in deaf:
            feed(run, step, payload, sender)

    monkeypatch.setattr(running.StageRun, "feed", losing)
    async with mesh_of(tmp_path, nodes=4) as mesh:
        result = await _generate(mesh, folder, "abc", GREEDY, Notes())
    assert result.token_ids == undisturbed[GREEDY]
    (recovery,) = result.recoveries
    assert (recovery.node, recovery.reason) == ("b", "what the stage before it sends does not arrive")


async def test_the_next_generation_of_the_plan_begins_where_the_layers_are(
    tmp_path: Path, folder: Path, at_token
) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3])
    notes = Notes()
    async with mesh_of(tmp_path, nodes=4) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        at_token(4, mesh.scopes["b"].cancel)
        first = await coordinator.generate(checkpoint, plan, PROMPTS[:1], GREEDY, watcher=notes)
        again = await coordinator.generate(checkpoint, plan, PROMPTS[:1], GREEDY, watcher=notes)
    assert again.token_ids == first.token_ids
    assert len(notes.failures) == 1
    assert [stage.node for stage in again.stages] == ["a", "d", "c"]


async def test_two_generations_at_once_both_survive(tmp_path: Path, folder: Path, at_token) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", [1, 3])
    results: dict[int, list[list[int]]] = {}
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        alone = [
            (await coordinator.generate(checkpoint, plan, [prompt], GREEDY, watcher=Notes())).token_ids
            for prompt in PROMPTS
        ]
        at_token(8, mesh.scopes["b"].cancel)

        async def run(index: int) -> None:
            result = await coordinator.generate(checkpoint, plan, [PROMPTS[index]], GREEDY, watcher=Notes())
            results[index] = result.token_ids

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, 0)
            nursery.start_soon(run, 1)
    assert [results[0], results[1]] == alone


def test_a_move_is_told_in_words(folder: Path) -> None:
    before = split(folder, "abc", [1, 3])
    assert describe_move(before, split(folder, "adc", [1, 3])) == "moved 2 layer(s) from 1 on to d"
    assert describe_move(before, before) == "loaded the layers anew where they were"
