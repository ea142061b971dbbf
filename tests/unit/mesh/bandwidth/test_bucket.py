"""Token buckets and the shaper: no more than rate and burst, no less than the rates, control first."""

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.errors import StrataError
from strata.mesh.bandwidth import Due, Flow, Kind, Shaper, TokenBucket, TooFast, allocate
from strata.mesh.network import Network, Peer, Quality

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


def test_the_rate_can_change_and_be_none_or_without_end() -> None:
    bucket = TokenBucket(10, 100, 0.0)
    bucket.take(100, 0.0)
    bucket.set_rate(0, 1.0)
    assert bucket.ready_at(10) <= 1
    assert bucket.ready_at(11) == math.inf
    bucket.set_rate(math.inf, 2.0)
    assert bucket.ready_at(100) == 2
    bucket.take(100, 2.0)
    bucket.take(100, 2.0)
    with pytest.raises(StrataError, match="cannot be kept"):
        TokenBucket(-1, 1, 0)


NETWORK = Network({"a": Peer("a"), "b": Peer("b")}, {("a", "b"): Quality(0.01, bytes_per_second=22_000)})
FLOWS = (
    Flow("control", "a", "b", Kind.CONTROL, 1000),
    Flow("activations", "a", "b", Kind.ACTIVATIONS),
    Flow("shards", "a", "b", Kind.SHARDS),
    Flow("gossip", "a", "b", Kind.GOSSIP),
)


def drive(shaper: Shaper, until: float, size: int = 100) -> Counter[str]:
    """Every flow has a message to send at all times."""
    sent: Counter[str] = Counter()
    for flow in FLOWS:
        shaper.offer(flow.name, size)
    now = 0.0
    while now <= until:
        if (due := shaper.due(now)) is None:
            now = shaper.ready_at()
            continue
        sent[due.flow] += due.count
        shaper.offer(due.flow, size)
    return sent


def test_classes_get_what_they_were_allocated() -> None:
    sent = drive(Shaper(allocate(FLOWS, NETWORK), 0.0, largest=100), until=100)
    expected = {"control": 1000, "activations": 16_000, "shards": 4000, "gossip": 1000}
    assert {name: count / 100 for name, count in sent.items()} == pytest.approx(expected, rel=0.01)


def test_control_goes_before_what_waits_longer() -> None:
    shaper = Shaper(allocate([*FLOWS[1:], replace(FLOWS[0], name="urgent")], NETWORK), 0.0)
    for name in ("gossip", "shards", "urgent"):
        shaper.offer(name, 1000)
    assert shaper.ready_at() <= 0
    assert shaper.due(0.0) == Due("urgent", 1000)
    assert {shaper.due(0.0), shaper.due(0.0)} == {Due("gossip", 1000), Due("shards", 1000)}
    assert shaper.due(0.0) is None
    assert shaper.ready_at() == math.inf


def test_a_new_allocation_is_followed() -> None:
    shaper = Shaper(allocate(FLOWS, NETWORK), 0.0, largest=100)
    shaper.offer("gossip", 100)
    shaper.offer("shards", 100)
    shaper.follow(allocate(FLOWS[2:3], NETWORK), 1.0)
    assert shaper.due(1.0) == Due("shards", 100)
    assert shaper.due(1.0) is None
    shaper.offer("shards", 100)
    assert shaper.ready_at() == pytest.approx(1 + 100 / 22_000)
    with pytest.raises(StrataError, match="no flow gossip"):
        shaper.offer("gossip", 1)


def test_nothing_piles_up() -> None:
    shaper = Shaper(allocate(FLOWS, NETWORK), 0.0, largest=100)
    shaper.offer("shards", 100)
    with pytest.raises(StrataError, match="waits already"):
        shaper.offer("shards", 1)
    with pytest.raises(TooFast, match="burst"):
        shaper.offer("gossip", 101)
