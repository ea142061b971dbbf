"""One rate shared by classes: never more than it, all of it used, and control first."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.bandwidth import BURST_BYTES, WEIGHTS, Kind, Sharing, TooFast

SHARERS = tuple(WEIGHTS)
RATE, SIZE = 1 << 20, 1000


def drive(sharing: Sharing, kinds: tuple[Kind, ...], until: float, size: int = SIZE) -> list[tuple[float, Kind]]:
    """Each of these always has a piece to send; when pieces went, and whose they were."""
    for kind in kinds:
        sharing.ask(kind, size)
    now, sent = 0.0, []
    while (now := max(now, sharing.ready_at())) <= until:
        turn = sharing.grant(now)
        assert turn is not None
        sent.append((now, turn.kind))
        sharing.ask(turn.kind, size)
    return sent


def test_classes_share_by_weight() -> None:
    sent = Counter(kind for _, kind in drive(Sharing(RATE, 0.0), SHARERS, until=20))
    for kind, weight in WEIGHTS.items():
        assert sent[kind] / sent.total() == pytest.approx(weight / sum(WEIGHTS.values()), rel=0.01)


@pytest.mark.parametrize("kinds", [(Kind.GOSSIP,), (Kind.SHARDS, Kind.GOSSIP), SHARERS])
def test_what_some_do_not_use_goes_to_the_others(kinds) -> None:
    sent = drive(Sharing(RATE, 0.0), kinds, until=20)
    assert len(sent) * SIZE == pytest.approx(20 * RATE + BURST_BYTES, rel=0.001)


def test_a_class_that_was_idle_has_not_saved_up() -> None:
    sharing = Sharing(RATE, 0.0, burst=SIZE)
    drive(sharing, (Kind.SHARDS,), until=10)
    now = sharing.ready_at()
    sharing.ask(Kind.GOSSIP, SIZE)
    sharing.ask(Kind.GOSSIP, SIZE)
    order = []
    for _ in range(8):
        now = max(now, sharing.ready_at())
        turn = sharing.grant(now)
        order.append(turn.kind)
        sharing.ask(turn.kind, SIZE)
    assert order.count(Kind.GOSSIP) <= 2


PIECES = st.lists(
    st.tuples(st.sampled_from(Kind), st.integers(1, BURST_BYTES), st.floats(0, 2), st.booleans()), max_size=60
)


@given(PIECES, st.floats(1000, 1e8))
def test_never_more_than_rate_times_time_and_burst_but_for_control(pieces, rate) -> None:
    sharing, now, sent, control = Sharing(rate, 0.0), 0.0, [], 0
    for kind, count, pause, patient in pieces:
        if kind is Kind.CONTROL:
            sharing.control(count, now)
            control += count
        else:
            turn = sharing.ask(kind, count)
            if not patient:
                sharing.withdraw(turn)
        now += pause
        while (turn := sharing.grant(now)) is not None:
            sent.append((now, turn.count))
    while (at := sharing.ready_at()) < math.inf:
        now = max(now, at)
        sent.append((now, sharing.grant(now).count))
    for first, (begun, _) in enumerate(sent):
        passed = 0
        for at, count in sent[first:]:
            passed += count
            assert passed <= (rate * (at - begun) + BURST_BYTES) * (1 + 1e-9) + rate * math.ulp(at) * 4
    if sent:  # what control has taken the others have waited for
        total = sum(count for _, count in sent)
        assert total + control <= (rate * sent[-1][0] + BURST_BYTES + control_after(pieces, sent)) * (1 + 1e-6)


def control_after(pieces, sent) -> int:
    """Control bytes that came when the last other piece had gone."""
    now, count = 0.0, 0
    for kind, size, pause, _ in pieces:
        if kind is Kind.CONTROL and now >= sent[-1][0]:
            count += size
        now += pause
    return count


def test_control_does_not_wait_and_others_make_up_for_it() -> None:
    sharing = Sharing(RATE, 0.0, burst=SIZE)
    sharing.ask(Kind.SHARDS, SIZE)
    assert sharing.grant(0.0) is not None
    sharing.control(10 * SIZE, 0.0)
    sharing.ask(Kind.SHARDS, SIZE)
    assert sharing.grant(0.0) is None
    assert sharing.ready_at() == pytest.approx(11 * SIZE / RATE)


def test_a_piece_larger_than_the_burst_is_refused_and_one_withdrawn_never_goes() -> None:
    sharing = Sharing(RATE, 0.0)
    with pytest.raises(TooFast):
        sharing.ask(Kind.SHARDS, BURST_BYTES + 1)
    sharing.withdraw(sharing.ask(Kind.SHARDS, SIZE))
    assert sharing.ready_at() == math.inf
    assert sharing.grant(1.0) is None
