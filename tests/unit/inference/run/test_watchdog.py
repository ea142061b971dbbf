"""Who is to blame for a step that does not come."""

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.protocol.messages import GetProgress, Progress
from strata.inference.run.errors import NodeLost
from strata.inference.run.watchdog import FIRST_STEP_SECONDS, LATE_SECONDS, STEP_SECONDS, StepClock, culprit, watch


def progress(taken: int, computed: int, sent: int) -> Progress:
    return Progress(taken=taken, computed=computed, sent=sent)


DONE = progress(5, 5, 5)


def test_a_step_that_never_arrived_is_the_link_s_and_so_the_later_stage_s() -> None:
    stages = [DONE, progress(4, 4, 4), progress(4, 4, 4)]
    found = culprit(stages, stages, overdue=False)
    assert found is not None
    assert found[0] == 1


def test_a_stage_that_computes_has_time_until_the_step_is_overdue() -> None:
    stages = [DONE, progress(5, 4, 4), progress(4, 4, 4)]
    assert culprit(stages, stages, overdue=False) is None
    found = culprit(stages, stages, overdue=True)
    assert found is not None
    assert found[0] == 1


def test_what_is_on_its_way_is_not_lost() -> None:
    before = [progress(5, 4, 4), progress(4, 4, 4)]
    assert culprit(before, [DONE, progress(4, 4, 4)], overdue=False) is None


def test_a_step_that_no_stage_has_is_the_first_one_s_fault() -> None:
    stages = [progress(4, 4, 4), progress(4, 4, 4)]
    found = culprit(stages, stages, overdue=True)
    assert found is not None
    assert found[0] == 0


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_a_session_whose_stages_are_all_up_to_date_has_no_culprit_yet(counts: list[int]) -> None:
    steps = counts[0]
    stages = [progress(steps, steps, steps) for _ in counts]
    assert culprit(stages, stages, overdue=False) is None


def test_the_clock_allows_a_prompt_more_than_a_token() -> None:
    clock = StepClock()
    assert not clock.is_late(99)
    clock.begin(0)
    assert clock.is_late(LATE_SECONDS + 0.1)
    assert not clock.is_overdue(FIRST_STEP_SECONDS - 1)
    clock.end(20)
    clock.begin(20)
    assert not clock.is_late(20 + LATE_SECONDS / 2)  # the prompt's seconds are not a token's
    assert clock.is_overdue(21 + STEP_SECONDS)
    clock.end(22)
    clock.begin(22)
    assert not clock.is_late(22 + 5.9)  # one of two seconds has been seen, and nothing of how much that varies
    assert not clock.is_overdue(22 + STEP_SECONDS + 1)


def test_steady_steps_are_late_soon_and_unsteady_ones_later() -> None:
    steady, unsteady = StepClock(), StepClock()
    for clock, lengths in ((steady, [0.2, 0.2]), (unsteady, [0.1, 0.3])):
        for length in [1.0, *lengths * 20]:
            clock.begin(0)
            clock.end(length)
        clock.begin(0)
    assert not steady.is_late(0.19 + LATE_SECONDS)
    assert steady.is_late(0.21 + LATE_SECONDS)
    assert not unsteady.is_late(0.4)
    assert unsteady.is_late(1.0)


def test_between_steps_nothing_is_late() -> None:
    clock = StepClock()
    clock.begin(0)
    clock.end(1)
    assert not clock.is_late(1000)
    assert not clock.is_overdue(1000)


class Member:
    """A client whose node answers for as long as `answers` is set."""

    def __init__(self, name: str) -> None:
        self.name, self.answers, self.asked, self.asking = name, True, 0, trio.Lock()

    async def probe(self) -> None:
        self.asked += 1
        if not self.answers:
            await trio.sleep(0.25)
            raise NodeLost(self.name, "it has not answered for 0.2 s")

    async def request(self, message: GetProgress, seconds: float) -> Progress:
        return progress(9, 9, 9)


async def _run_steps(clock: StepClock, steps: int, seconds: float) -> None:
    for _ in range(steps):
        clock.begin(trio.current_time())
        await trio.sleep(seconds)
        clock.end(trio.current_time())


@pytest.mark.parametrize("seconds", [0.05, 0.4])
def test_steady_steps_are_not_asked_about_and_a_node_that_stops_is_known_soon(seconds: float) -> None:
    clock, clients = StepClock(), [Member("a"), Member("b"), Member("c")]
    found: list[tuple[int, str]] = []

    async def watching() -> None:
        found.append(await watch("0" * 32, clients, clock))

    async def run() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watching)
            await _run_steps(clock, 5, seconds)
            before = [client.asked for client in clients]
            await _run_steps(clock, 40, seconds)
            assert [client.asked for client in clients] == before
            clients[1].answers = False
            began = trio.current_time()
            clock.begin(began)
        return trio.current_time() - began

    took = trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert found == [(1, "it has not answered for 0.2 s")]
    assert took == pytest.approx(seconds + LATE_SECONDS + 0.25, abs=0.01)


def test_a_late_step_of_nodes_that_answer_is_waited_for() -> None:
    clock, clients = StepClock(), [Member("a"), Member("b")]

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, "0" * 32, clients, clock)
            await _run_steps(clock, 20, 0.05)
            await _run_steps(clock, 3, 3.0)
            nursery.cancel_scope.cancel()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert min(client.asked for client in clients) > 10
