"""When a node is started again."""

from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.ray_nodes.restarts import FIRST_SECONDS, STEADY_SECONDS, Restarts
from strata.triage.breaker import LONGEST


def test_soon_at_first_then_by_the_breaker_which_waits_twice_as_long_each_time():
    restarts, now, waits = Restarts(), 0.0, []
    for _ in range(12):
        restarts.ready(now)
        waits.append(restarts.died(now))
        now += waits[-1]
    assert waits == [0.5, 1.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0, 300.0, 300.0]


def test_one_that_did_not_start_counts_like_one_that_died():
    restarts = Restarts()
    assert [restarts.died(0.0), restarts.died(1.0)] == [0.5, 1.0]
    assert restarts.deaths == 2


def test_one_that_ran_for_a_while_begins_anew():
    restarts = Restarts()
    for _ in range(5):
        restarts.died(0.0)
    restarts.ready(100.0)
    assert restarts.died(100.0 + STEADY_SECONDS) == FIRST_SECONDS
    restarts.ready(200.0)
    assert restarts.died(200.0 + STEADY_SECONDS / 2) == 2 * FIRST_SECONDS


@given(st.lists(st.floats(0, 3 * STEADY_SECONDS), max_size=60))
def test_a_wait_is_never_none_and_never_longer_than_the_longest(lives: list[float]):
    restarts, now = Restarts(), 0.0
    for life in lives:
        restarts.ready(now)
        now += life
        wait = restarts.died(now)
        assert FIRST_SECONDS <= wait <= LONGEST
        assert wait == FIRST_SECONDS or life < STEADY_SECONDS
        now += wait
