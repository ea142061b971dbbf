"""What is computed together and in which order, without any tensors or time."""

import random

import pytest

from strata.inference.node.scheduler import MOST_ROWS, MOST_SECONDS, SHARE_OF_BATCH, Scheduler


def scheduler_of(sessions: int, stages: int = 1) -> Scheduler[int]:
    scheduler: Scheduler[int] = Scheduler()
    for session in range(sessions):
        scheduler.join(session, stages)
    return scheduler


def add(scheduler: Scheduler[int], session: int, tokens: int = 1, rows: int = 1) -> None:
    scheduler.add(session, session, tokens=tokens, rows=rows)


def test_all_steps_that_wait_go_together_in_the_order_of_their_coming():
    scheduler = scheduler_of(4)
    for session in (2, 0, 3):
        add(scheduler, session)
    assert scheduler.take() == [2, 0, 3]
    assert scheduler.take() == []


@pytest.mark.parametrize(("sessions", "stages", "share"), [(16, 4, 4), (16, 1, 16), (5, 2, 3), (2, 4, 1), (0, 1, 0)])
def test_a_batch_is_the_sessions_share_of_one_stage(sessions: int, stages: int, share: int):
    scheduler = scheduler_of(sessions, stages)
    assert scheduler.share == share
    for session in range(sessions):
        add(scheduler, session)
    batches = []
    while batch := scheduler.take():
        batches.append(len(batch))
    assert sum(batches) == sessions
    assert all(size == share for size in batches[:-1])


def test_the_share_follows_sessions_that_leave():
    scheduler = scheduler_of(8, stages=4)
    for session in range(4, 8):
        scheduler.leave(session)
    for session in range(4):
        add(scheduler, session)
    assert scheduler.take() == [0]


def test_steps_of_many_rows_share_the_room_and_one_too_wide_goes_alone():
    scheduler = scheduler_of(4)
    for session, rows in enumerate((MOST_ROWS - 1, 1, 1, MOST_ROWS + 1)):
        add(scheduler, session, rows=rows)
    assert [scheduler.take(), scheduler.take(), scheduler.take()] == [[0, 1], [2], [3]]


def test_slices_and_steps_take_turns():
    scheduler = scheduler_of(4)
    add(scheduler, 0, tokens=64)
    add(scheduler, 1, tokens=64)
    add(scheduler, 2)
    order = [scheduler.take()]
    for _ in range(3):
        add(scheduler, order[-1][0], tokens=64 if order[-1][0] < 2 else 1)
        order.append(scheduler.take())
    assert order == [[2], [0], [2], [1]]


def test_who_leaves_is_not_computed_and_who_has_left_may_not_wait():
    scheduler = scheduler_of(2)
    add(scheduler, 0)
    add(scheduler, 1, tokens=9)
    scheduler.leave(0)
    scheduler.leave(0)
    scheduler.leave(1)
    assert scheduler.take() == []
    with pytest.raises(ValueError, match="open"):
        add(scheduler, 0)


def test_a_session_waits_for_one_thing_at_a_time():
    scheduler = scheduler_of(1)
    add(scheduler, 0)
    with pytest.raises(ValueError, match="one thing"):
        add(scheduler, 0, tokens=3)


def test_the_first_of_a_batch_that_is_not_full_waits_for_part_of_what_one_takes():
    scheduler = scheduler_of(4, stages=2)
    scheduler.add(0, 0, tokens=1, rows=1, now=10.0)
    assert scheduler.patience(10.0) == 0  # nothing is known yet
    scheduler.computed(0.02)
    assert scheduler.patience(10.0) == pytest.approx(SHARE_OF_BATCH * 0.02)
    assert scheduler.patience(10.0 + SHARE_OF_BATCH * 0.02) == 0
    scheduler.computed(1000.0)
    assert scheduler.patience(10.0) == pytest.approx(MOST_SECONDS)
    scheduler.add(1, 1, tokens=1, rows=1, now=10.001)
    assert scheduler.patience(10.0) == 0  # it is full


def test_nobody_waits_for_others_beside_a_slice_or_alone():
    scheduler = scheduler_of(4)
    scheduler.computed(0.02)
    assert scheduler.patience(0.0) == 0
    add(scheduler, 0)
    assert scheduler.patience(0.0) > 0
    add(scheduler, 1, tokens=2)
    assert scheduler.patience(0.0) == 0
    alone = scheduler_of(3, stages=3)
    alone.computed(0.02)
    add(alone, 0)
    assert alone.patience(0.0) == 0


@pytest.mark.parametrize("seed", range(20))
def test_nobody_starves(seed: int):
    """However sessions come, go and ask, one that waits is served after no more turns than its queue asks for."""
    generator = random.Random(seed)
    stages = generator.randint(1, 4)
    scheduler: Scheduler[int] = Scheduler()
    waiting: dict[int, int] = {}  # turns since it asked
    members: set[int] = set()
    for _ in range(400):
        for session in range(12):
            chance = generator.random()
            if session not in members and chance < 0.3:
                scheduler.join(session, stages)
                members.add(session)
            elif session in members and chance < 0.02:
                scheduler.leave(session)
                members.discard(session)
                waiting.pop(session, None)
            elif session in members and session not in waiting and chance < 0.7:
                add(scheduler, session, tokens=1 if session % 3 else 64)
                waiting[session] = 0
        taken = scheduler.take()
        assert bool(taken) == bool(waiting)
        for session in taken:
            del waiting[session]
        waiting = {session: turns + 1 for session, turns in waiting.items()}
        assert all(turns <= 2 * 12 + 1 for turns in waiting.values())
        assert len(taken) <= max(1, scheduler.share)
        assert len(taken) == 1 or all(session % 3 for session in taken)
