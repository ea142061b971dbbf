"""What a node counts of its own speed."""

from contextlib import suppress

import pytest

from strata.inference.node.pace import BLOCK_STEPS, PaceCounter


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _decode(pace: PaceCounter, clock: Clock, seconds: float, steps: int = BLOCK_STEPS, rows: int = 1) -> None:
    for _ in range(steps):
        with pace.step(rows, 1, more=False):
            clock.now += seconds


def test_a_block_has_the_seconds_at_work_and_not_those_between(clock: Clock) -> None:
    pace = PaceCounter(clock)
    clock.now += 3600.0  # idle: no part of the block
    for _ in range(BLOCK_STEPS):
        _decode(pace, clock, 0.01, steps=1, rows=3)
        clock.now += 1.0
    (block,) = pace.blocks()
    assert block.seconds == pytest.approx(BLOCK_STEPS * 0.01)
    assert (block.rows, block.age) == (3 * BLOCK_STEPS, pytest.approx(BLOCK_STEPS * 1.01))


def test_time_that_sessions_share_counts_once(clock: Clock) -> None:
    pace = PaceCounter(clock)
    for _ in range(BLOCK_STEPS // 2):
        with pace.step(1, 1, more=False), pace.step(1, 1, more=False):
            clock.now += 0.1
    (block,) = pace.blocks()
    assert (block.seconds, block.rows) == (pytest.approx(BLOCK_STEPS / 2 * 0.1), BLOCK_STEPS)


def test_short_steps_make_blocks_of_some_length(clock: Clock) -> None:
    pace = PaceCounter(clock)
    _decode(pace, clock, 0.001, steps=20 * BLOCK_STEPS)
    assert len(pace.blocks()) < 1
    _decode(pace, clock, 0.001, steps=20 * BLOCK_STEPS)
    (block,) = pace.blocks()
    assert block.seconds / block.rows == pytest.approx(0.001)


def test_prompts_are_counted_apart_and_decode_steps_beside_them_are_not(clock: Clock) -> None:
    pace = PaceCounter(clock)
    _decode(pace, clock, 1.0, steps=BLOCK_STEPS - 1)
    with pace.step(2, 64, more=True):
        clock.now += 5.0
        _decode(pace, clock, 9.0)
    with pace.step(1, 1, more=True):  # the first slice of a prompt of which more follows
        clock.now += 0.5
    assert not pace.blocks()
    assert pace.prompt_rows == 2 * 64 + 1
    assert pace.prompt_seconds == pytest.approx(5.5 + 9.0 * BLOCK_STEPS)
    _decode(pace, clock, 1.0)
    (block,) = pace.blocks()
    assert block.seconds == pytest.approx(BLOCK_STEPS * 1.0)


def test_short_answers_add_up_to_a_block(clock: Clock) -> None:
    pace = PaceCounter(clock)
    while not pace.blocks():
        with pace.step(1, 16, more=False):
            clock.now += 0.004
        _decode(pace, clock, 0.001, steps=50)
        assert clock.now < 101
    (block,) = pace.blocks()
    assert block.seconds / block.rows == pytest.approx(0.001)
    assert block.rows % 50  # it ended in the middle of an answer


@pytest.mark.parametrize("came_first", ["prompt", "step"])
def test_a_step_that_a_prompt_came_upon_ends_the_block(clock: Clock, came_first: str) -> None:
    pace = PaceCounter(clock)
    _decode(pace, clock, 0.1, steps=BLOCK_STEPS - 2)
    steps = {"step": pace.step(1, 1, more=False), "prompt": pace.step(1, 64, more=False)}
    first = steps.pop(came_first)
    (second,) = steps.values()
    first.__enter__()
    clock.now += 3.0
    second.__enter__()
    clock.now += 3.0
    first.__exit__(None, None, None)
    clock.now += 3.0
    second.__exit__(None, None, None)
    _decode(pace, clock, 0.1, steps=2)
    assert not pace.blocks()  # there would be one if the block had gone on


def test_a_step_that_fails_or_outlives_its_shard_is_not_counted(clock: Clock) -> None:
    pace = PaceCounter(clock)
    with suppress(ValueError), pace.step(1, 1, more=False):
        clock.now += 1.0
        raise ValueError
    with pace.step(1, 1, more=False):
        clock.now += 1.0
        pace.reset()
    _decode(pace, clock, 0.1, steps=BLOCK_STEPS - 1)
    assert not pace.blocks()
    _decode(pace, clock, 0.1, steps=1)
    (block,) = pace.blocks()
    assert block.rows == BLOCK_STEPS
    assert block.seconds == pytest.approx(BLOCK_STEPS * 0.1)
