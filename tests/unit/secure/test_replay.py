"""The memory of first handshake messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.secure import ReplayCache, ReplayedHandshake


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_message_is_taken_once():
    clock = Clock()
    cache = ReplayCache(clock=clock)
    cache.check(b"first", clock.now)
    cache.check(b"second", clock.now)
    with pytest.raises(ReplayedHandshake):
        cache.check(b"first", clock.now)


@pytest.mark.parametrize("offset", [-601, 601, 1e9])
def test_a_message_from_another_time_is_refused(offset):
    clock = Clock()
    cache = ReplayCache(clock=clock)
    with pytest.raises(ReplayedHandshake, match="clocks"):
        cache.check(b"message", clock.now + offset)
    assert len(cache) == 0


@given(made=st.floats(-600, 600), waits=st.lists(st.floats(0, 500), min_size=1, max_size=8))
def test_no_message_is_ever_taken_twice(made, waits):
    clock = Clock()
    cache = ReplayCache(clock=clock)
    made += clock.now
    cache.check(b"message", made)
    for wait in waits:
        clock.now += wait
        with pytest.raises(ReplayedHandshake):
            cache.check(b"message", made)


def test_memory_is_bounded_and_what_is_stale_goes_first():
    clock = Clock()
    cache = ReplayCache(capacity=100, clock=clock)
    for number in range(1000):
        cache.check(b"%d" % number, clock.now)
    assert len(cache) == 100
    clock.now += 1201
    cache.check(b"later", clock.now)
    assert len(cache) == 1
