"""The memory of handshakes on disk: what a later process knows."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.secure import HandshakeFailed, IdentityError, ReplayCache, ReplayedHandshake, ReplayFile
from tests.support.hellos import Clock


def opened(path, clock, **options):
    return ReplayCache(clock=clock, file=ReplayFile(path), **options)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "replays"


def test_what_was_seen_before_a_restart_is_known_after_it(path):
    clock = Clock()
    opened(path, clock).check(b"message", clock.now)  # and is not closed: the process was killed
    clock.now += 500
    again = opened(path, clock)
    with pytest.raises(ReplayedHandshake):
        again.check(b"message", clock.now)
    again.check(b"other", clock.now)
    for token in (b"message", b"other"):
        with pytest.raises(ReplayedHandshake):
            opened(path, clock).check(token, clock.now)
    assert path.stat().st_mode & 0o777 == 0o600


@given(
    made=st.floats(-600, 600),
    steps=st.lists(st.tuples(st.floats(0, 500), st.booleans()), min_size=1, max_size=8),
)
def test_no_message_is_ever_taken_twice_however_often_it_is_restarted(tmp_path_factory, made, steps):
    path, clock = tmp_path_factory.mktemp("home") / "replays", Clock()
    cache = opened(path, clock)
    made += clock.now
    cache.check(b"message", made)
    for wait, restart in steps:
        clock.now += wait
        cache = opened(path, clock) if restart else cache
        with pytest.raises(ReplayedHandshake):
            cache.check(b"message", made)


def test_nobody_is_refused_because_of_a_restart(path):
    clock = Clock()
    opened(path, clock).check(b"before", clock.now)
    after = opened(path, clock)
    for offset in (-599, 0, 599):
        after.check(b"%d" % offset, clock.now + offset)


def test_a_last_entry_that_was_cut_off_is_left_out(path):
    clock = Clock()
    cache = opened(path, clock)
    cache.check(b"whole", clock.now)
    cache.check(b"torn", clock.now)
    path.write_bytes(path.read_bytes()[:-3])
    again = opened(path, clock)
    assert len(again) == 1
    again.check(b"torn", clock.now)
    with pytest.raises(ReplayedHandshake):
        opened(path, clock).check(b"torn", clock.now)


def test_the_file_is_bounded(path):
    clock = Clock()
    cache = opened(path, clock, capacity=10)
    for number in range(200):
        cache.check(b"%d" % number, clock.now)
        assert path.stat().st_size <= 32 + 21 * 32
    again = opened(path, clock, capacity=10)
    assert len(again) == 10
    with pytest.raises(ReplayedHandshake):
        again.check(b"199", clock.now)


def test_what_is_stale_is_dropped_at_the_next_start(path):
    clock = Clock()
    opened(path, clock).check(b"message", clock.now)
    clock.now += 1201
    assert len(opened(path, clock)) == 0
    assert path.stat().st_size == 32


def test_another_file_is_refused_and_left_alone(path):
    path.parent.mkdir()
    path.write_bytes(b"something else")
    with pytest.raises(IdentityError, match="no memory of handshakes"):
        opened(path, Clock())
    assert path.read_bytes() == b"something else"


def test_what_cannot_be_written_down_is_not_answered(path, monkeypatch):
    clock, cache = Clock(), None
    cache = opened(path, clock)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(HandshakeFailed, match="No space left"):
        cache.check(b"message", clock.now)
