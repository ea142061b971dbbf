"""Waiting for memory: first come, first served, never for ever, and a place is always given back."""

from pathlib import Path

import pytest
import trio
import trio.testing
from transformers import LlamaForCausalLM

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan.profile import profile_model
from strata.inference.plan.workload import Workload
from strata.inference.run.admission import OPENING_AT_ONCE, Admission
from strata.inference.run.errors import RequestRefused
from strata.inference.run.generate import GenerationParams
from tests.support.nodes import mesh_of, split, tiny_llama
from tests.unit.inference.run.test_run import _expected

pytestmark = pytest.mark.anyio

PROMPTS = [[1, 2, 3, 4], [7], [9, 8, 7, 6, 5, 4, 3], [100, 4]]
NEW = 16


class Room:
    """Memory for `free` sessions; who entered, in order."""

    def __init__(self, free: int) -> None:
        self.free = free
        self.entered: list[int] = []
        self.end = [trio.Event() for _ in range(9)]

    async def run(self, admission: Admission, number: int) -> None:
        async def enter() -> None:
            if not self.free:
                raise RequestRefused("a", "memory", "full")
            self.free -= 1
            self.entered.append(number)

        async with admission.place(enter):
            try:
                await self.end[number].wait()
            finally:
                self.free += 1


async def test_those_that_wait_begin_in_the_order_of_their_coming() -> None:
    room, admission = Room(2), Admission()
    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(room.run, admission, number)
            await trio.testing.wait_all_tasks_blocked()
        assert room.entered == [0, 1]
        assert admission.waiting == 2  # behind number 2
        for number, entered in ((1, [0, 1, 2]), (0, [0, 1, 2, 3]), (2, [0, 1, 2, 3, 4])):
            room.end[number].set()
            await trio.testing.wait_all_tasks_blocked()
            assert room.entered == entered
        room.end[3].set()
        room.end[4].set()


async def test_sessions_are_opened_side_by_side_but_only_so_many() -> None:
    admission, opening, go = Admission(), [], trio.Event()

    async def run(number: int) -> None:
        async def enter() -> None:
            opening.append(number)
            await go.wait()

        async with admission.place(enter):
            pass

    async with trio.open_nursery() as nursery:
        for number in range(OPENING_AT_ONCE + 2):
            nursery.start_soon(run, number)
            await trio.testing.wait_all_tasks_blocked()
        assert opening == list(range(OPENING_AT_ONCE))
        go.set()
    assert opening == list(range(OPENING_AT_ONCE + 2))


async def test_two_that_each_got_half_of_the_last_memory_both_run_in_the_end() -> None:
    """Each takes one node's memory, waits until the other has the other's, and finds none left there."""
    admission, free, began, ended = Admission(), {"a": 1, "b": 1}, 0, []
    both = trio.Event()

    async def run(nodes: str) -> None:
        async def enter() -> None:
            nonlocal began
            taken = []
            for node in nodes:
                if not free[node]:
                    for other in taken:
                        free[other] += 1
                    raise RequestRefused(node, "memory", "full")
                free[node] -= 1
                taken.append(node)
                began += 1
                if began == 2:
                    both.set()
                await both.wait()

        async with admission.place(enter):
            ended.append(nodes)
            for node in nodes:
                free[node] += 1

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, "ab")
            nursery.start_soon(run, "ba")
    assert sorted(ended) == ["ab", "ba"]


async def test_one_that_is_cancelled_makes_room_whether_it_waits_or_runs() -> None:
    room, admission = Room(1), Admission()
    scopes = [trio.CancelScope() for _ in range(4)]

    async def run(number: int) -> None:
        with scopes[number]:
            await room.run(admission, number)

    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(run, number)
            await trio.testing.wait_all_tasks_blocked()
        scopes[1].cancel()  # first in the line
        scopes[2].cancel()  # behind it
        await trio.testing.wait_all_tasks_blocked()
        assert room.entered == [0]
        scopes[0].cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert room.entered == [0, 3]
        room.end[3].set()
    assert room.free == 1


@pytest.mark.parametrize(("code", "running"), [("memory", False), ("shard", True)])
async def test_what_waiting_would_not_cure_is_raised(code: str, running: bool) -> None:
    room, admission = Room(1), Admission()

    async def refuse() -> None:
        raise RequestRefused("a", code, "no")

    async with trio.open_nursery() as nursery:
        if running:
            nursery.start_soon(room.run, admission, 0)
            await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RequestRefused) as error:
            async with admission.place(refuse):
                raise AssertionError
        assert error.value.code == code
        room.end[0].set()


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LlamaForCausalLM]:
    folder = tmp_path_factory.mktemp("llama") / "model"
    return folder, tiny_llama(folder)


async def test_more_answers_than_the_nodes_have_memory_for_all_come(tmp_path: Path, llama) -> None:
    folder, model = llama
    checkpoint, plan = Checkpoint.open(folder), split(folder, ["a", "b"], [2])
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        profile = profile_model(folder)
        kv = sum(layer.kv_bytes(plan.context, 1) for layer in profile.layers[2:])
        account = mesh.nodes["b"]._holding.account  # the second to be asked: the first has opened a session by then
        one = account.used + Workload(profile, plan.context, 1).workspace_bytes + kv
        account.budget = one + kv
        params = GenerationParams(max_new_tokens=NEW)
        results = await coordinator.generate_each(checkpoint, plan, PROMPTS, params)
        assert [result.token_ids for result in results] == [_expected(model, [prompt]) for prompt in PROMPTS]
        account.budget = one - 1
        with pytest.raises(RequestRefused) as error:
            await coordinator.generate(checkpoint, plan, PROMPTS[:1], params)
        assert (error.value.code, error.value.missing_bytes) == ("memory", 1)
        assert [len(node._sessions) for node in mesh.nodes.values()] == [0, 0]


async def test_a_cancelled_answer_is_closed_on_the_nodes_and_others_go_on(tmp_path: Path, llama) -> None:
    folder, model = llama
    checkpoint, plan = Checkpoint.open(folder), split(folder, ["a", "b"], [2], context=200)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, plan)
        scope, begun = trio.CancelScope(), trio.Event()
        clients = coordinator._connections.clients

        async def cancelled() -> None:
            with scope:
                await coordinator.generate(checkpoint, plan, [[5, 6]], GenerationParams(max_new_tokens=190))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancelled)
            while not all(len(node._sessions) for node in mesh.nodes.values()):
                await trio.lowlevel.checkpoint()
            nursery.start_soon(cancel_soon, scope, begun)
            begun.set()
            result = await coordinator.generate(checkpoint, plan, PROMPTS[:1], GenerationParams(max_new_tokens=NEW))
        assert scope.cancelled_caught
        assert result.token_ids == _expected(model, PROMPTS[:1])
        assert [len(node._sessions) for node in mesh.nodes.values()] == [0, 0]
        assert coordinator._connections.clients == clients  # no link was lost over it


async def cancel_soon(scope: trio.CancelScope, begun: trio.Event) -> None:
    await begun.wait()
    await trio.lowlevel.checkpoint()
    scope.cancel()
