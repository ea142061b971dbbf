"""Token buckets: no more than rate and burst, no less than the rate."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.errors import StrataError
from strata.mesh.bandwidth import TokenBucket, TooFast

RATES = st.floats(0.1, 1e9)


@given(RATES, st.floats(1, 1e6), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 5)), max_size=40), st.floats(0, 1e6))
def test_never_more_than_rate_times_time_and_burst(
    rate: float, burst: float, steps: list[tuple[float, float]], now: float
) -> None:
    bucket = TokenBucket(rate, burst, now)
    sent: list[tuple[float, int]] = []
    for share, pause in steps:
        count = int(share * burst)
        now = max(now + pause * burst / rate, bucket.ready_at(count))
        bucket.take(count, now)
        sent.append((now, count))
    for first, (begun, _) in enumerate(sent):
        passed = 0
        for at, count in sent[first:]:
            passed += count
            # What rounding of the clock adds.
            assert passed <= rate * (at - begun) + burst * (1 + 1e-9) + rate * math.ulp(at) * 4


@given(RATES, st.integers(1, 1000), st.integers(1, 50))
def test_a_full_queue_gets_the_whole_rate(rate: float, size: int, messages: int) -> None:
    bucket, now = TokenBucket(rate, size, 0.0), 0.0
    for _ in range(messages + 1):
        now = max(now, bucket.ready_at(size))
        bucket.take(size, now)
    assert now == pytest.approx(messages * size / rate)


def test_who_comes_too_early_or_wants_too_much_is_turned_away() -> None:
    bucket = TokenBucket(10, 100, 5.0)
    bucket.take(100, 5.0)
    assert bucket.ready_at(20) == 7
    with pytest.raises(TooFast, match=r"in 1\.0000"):
        bucket.take(20, 6.0)
    with pytest.raises(TooFast, match="more than the burst of 100"):
        bucket.ready_at(101)
    bucket.take(20, 7.0)
    with pytest.raises(TooFast):
        bucket.take(1, 2.0)  # the clock went back
    bucket.take(0, 2.0)
    assert bucket.ready_at(10) == 8


def test_the_rate_can_be_none_or_without_end() -> None:
    bucket = TokenBucket(0, 100, 0.0)
    bucket.take(90, 0.0)
    assert bucket.ready_at(10) == 0
    assert bucket.ready_at(11) == math.inf
    bucket = TokenBucket(math.inf, 100, 0.0)
    bucket.take(100, 0.0)
    assert bucket.ready_at(100) == 0
    bucket.take(100, 2.0)
    bucket.take(100, 2.0)
    with pytest.raises(StrataError, match="cannot be kept"):
        TokenBucket(-1, 1, 0)
