"""Who is to blame for a step that does not come."""

from hypothesis import given
from hypothesis import strategies as st

from strata.inference.protocol.messages import Progress
from strata.inference.run.watchdog import FIRST_STEP_SECONDS, LATE_SECONDS, STEP_SECONDS, StepClock, culprit


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
    assert not clock.is_late(22 + 7.9)  # four times the longest
    assert not clock.is_overdue(22 + STEP_SECONDS + 1)


def test_between_steps_nothing_is_late() -> None:
    clock = StepClock()
    clock.begin(0)
    clock.end(1)
    assert not clock.is_late(1000)
    assert not clock.is_overdue(1000)
