"""Two sides of the streams' state machine, joined in memory."""

import contextlib
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.mesh.transport.stream import MAX_OUTBOX, WINDOW_BYTES, Stream
from strata.mesh.transport.streams import (
    BATCH_BYTES,
    CREDIT,
    DATA,
    END,
    HEADER,
    MAX_STREAMS,
    MAX_UNREAD,
    OPEN,
    RESET,
    TURN_BYTES,
    Streams,
)
from strata.secure import ProtocolViolation


def pair() -> tuple[Streams, Streams]:
    return Streams(initiator=True), Streams(initiator=False)


def carry(sender: Streams, receiver: Streams, step: int = 1 << 30) -> list[Stream]:
    """All that one has to send to the other, in pieces; the streams that the other sees opened."""
    while sender.has_output:
        data = bytes(sender.batch())
        for start in range(0, len(data), step):
            receiver.received(memoryview(data[start : start + step]))
    return receiver.opened()


def write(streams: Streams, stream: Stream, data: bytes) -> int:
    return streams.write(stream, memoryview(data))


def opened_pair() -> tuple[Streams, Streams, Stream, Stream]:
    near, far = pair()
    stream = near.open()
    (other,) = carry(near, far)
    return near, far, stream, other


def frame(kind: int, number: int, size: int = 0, body: bytes = b"") -> bytes:
    return HEADER.pack(kind, number, size) + body


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["open", "write", "carry", "take", "finish", "abort"]),
        st.booleans(),  # by whom
        st.integers(0, 5),  # which stream
        st.integers(1, 300) | st.integers(1, 3_000_000),  # how much
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(ACTIONS, st.sampled_from([1_000_000, 777, 20]))
def test_every_stream_arrives_as_it_was_written(actions, step) -> None:
    """Whatever is done, in whatever order, and however the bytes are cut on their way."""
    sides = pair()
    streams: tuple[dict[int, Stream], dict[int, Stream]] = ({}, {})
    written, read = defaultdict(bytearray), defaultdict(bytearray)  # by (number, writer)

    def deliver(sender: int) -> None:
        for stream in carry(sides[sender], sides[1 - sender], step):
            streams[1 - sender][stream.number] = stream

    def take(reader: int, stream: Stream, most: int) -> None:
        read[stream.number, 1 - reader] += sides[reader].take(stream, most)

    for name, by, which, much in actions:
        mine = list(streams[by].values())
        stream = mine[which % len(mine)] if mine else None
        if name == "open":
            opened = sides[by].open()
            streams[by][opened.number] = opened
        elif name == "carry":
            deliver(by)
        elif stream is None:
            continue
        elif name == "take":
            take(by, stream, much)
        elif name == "finish":
            sides[by].finish(stream)
        elif name == "abort":
            sides[by].abort(stream)
        elif not (stream.finished or stream.reset):
            data = (much.to_bytes(4, "big") * (much // 4 + 1))[:much]
            written[stream.number, by] += data[: write(sides[by], stream, data)]
    for side in (0, 1):
        deliver(side)
    for side in (0, 1):
        for stream in streams[side].values():
            sides[side].finish(stream)
    while any(side.has_output for side in sides):
        for side in (0, 1):
            deliver(side)
            for stream in streams[1 - side].values():
                take(1 - side, stream, 1 << 30)
    for (number, by), data in written.items():
        other = streams[1 - by].get(number)
        got = read[number, by]
        if other is None or other.reset or streams[by][number].reset:
            assert data.startswith(got)
        else:
            assert got == data
            assert other.ended
    assert [len(side) for side in sides] == [0, 0], "a stream that is over is still kept"


@given(st.binary(max_size=200))
def test_garbage_is_a_violation_or_nothing(data) -> None:
    _near, far = pair()
    with contextlib.suppress(ProtocolViolation):
        far.received(memoryview(data))


def test_what_was_written_meanwhile_leaves_in_one_frame() -> None:
    near, far, stream, other = opened_pair()
    for _ in range(50):
        write(near, stream, bytes(1000))
    batch = near.batch()
    assert len(batch) == HEADER.size + 50_000
    far.received(memoryview(batch))
    assert other.unread == 50_000


def test_a_reader_that_stops_holds_up_its_own_stream_alone() -> None:
    near, far, stopped, other = opened_pair()
    free = near.open()
    (free_there,) = carry(near, far)
    for _ in range(10):
        write(near, stopped, bytes(MAX_OUTBOX - 1000))
        carry(near, far)
    write(near, stopped, bytes(MAX_OUTBOX))
    assert other.unread == WINDOW_BYTES
    assert stopped.room == 0
    for _ in range(10):
        assert write(near, free, bytes(MAX_OUTBOX)) == MAX_OUTBOX
        carry(near, far)
        assert len(far.take(free_there, 1 << 30)) == MAX_OUTBOX
        carry(far, near)
    far.take(other, WINDOW_BYTES // 2)
    carry(far, near)
    carry(near, far)
    assert stopped.room > 0


def test_streams_take_turns() -> None:
    near, far = pair()
    streams = [near.open() for _ in range(3)]
    carry(near, far)
    for stream in streams:
        write(near, stream, bytes(MAX_OUTBOX))
    batch, order = memoryview(near.batch()), []
    while batch:
        kind, number, size = HEADER.unpack_from(batch)
        assert kind == DATA
        assert size <= TURN_BYTES
        order.append(number)
        batch = batch[HEADER.size + size :]
    assert order == [1, 3, 5, 1]


def test_a_batch_is_bounded() -> None:
    near, far = pair()
    for _ in range(20):
        write(near, near.open(), bytes(MAX_OUTBOX))
    carry_control = near.batch()
    assert len(carry_control) <= BATCH_BYTES + HEADER.size
    far.received(memoryview(carry_control))


def test_one_side_may_end_and_the_other_go_on() -> None:
    near, far, stream, other = opened_pair()
    write(near, stream, b"question")
    near.finish(stream)
    near.finish(stream)
    carry(near, far)
    assert other.ended
    assert far.take(other, 100) == b"question"
    write(far, other, b"answer")
    far.finish(other)
    carry(far, near)
    assert near.take(stream, 100) == b"answer"
    assert (len(near), len(far)) == (0, 0)


def test_credit_after_the_end_does_not_end_it_twice() -> None:
    near, far, stream, other = opened_pair()
    for _ in range(3):
        write(near, stream, bytes(MAX_OUTBOX))
        carry(near, far)
    near.finish(stream)
    carry(near, far)
    far.received(memoryview(b""))
    far._send(CREDIT, other, 1)  # it crossed the end on its way
    carry(far, near)
    assert not near.has_output


def test_a_reset_ends_both_sides_and_what_was_on_its_way_is_dropped() -> None:
    near, far, stream, other = opened_pair()
    write(near, stream, b"on its way")
    on_its_way = bytes(near.batch())
    far.abort(other)
    far.received(memoryview(on_its_way))
    carry(far, near)
    assert stream.reset
    assert other.reset
    assert (len(near), len(far)) == (0, 0)


def test_more_streams_than_allowed_are_reset() -> None:
    near, far = pair()
    streams = [near.open() for _ in range(MAX_STREAMS + 1)]
    assert len(carry(near, far)) == MAX_STREAMS
    carry(far, near)
    assert [stream.reset for stream in streams] == [False] * MAX_STREAMS + [True]


def test_streams_that_are_over_make_room_for_others() -> None:
    near, far = pair()
    for _ in range(3):
        streams = [near.open() for _ in range(MAX_STREAMS)]
        for other in carry(near, far):
            far.finish(other)
        for stream in streams:
            near.finish(stream)
        carry(near, far)
        carry(far, near)
        assert not any(stream.reset for stream in streams)


def test_what_all_streams_leave_unread_together_is_bounded() -> None:
    near, far = pair()

    def filled(count: int) -> list[Stream]:
        """So many streams of a whole window each, as the other side sees them."""
        streams = [near.open() for _ in range(count)]
        there = carry(near, far)
        for stream in streams:
            for _ in range(WINDOW_BYTES // MAX_OUTBOX):
                write(near, stream, bytes(MAX_OUTBOX))
                carry(near, far)
        carry(far, near)
        assert [stream.reset for stream in streams] == [other.reset for other in there]
        return there

    most = MAX_UNREAD // WINDOW_BYTES
    there = filled(most + 1)
    assert [other.reset for other in there] == [False] * most + [True]
    assert sum(other.unread for other in there) == MAX_UNREAD
    far.take(there[0], WINDOW_BYTES)  # that makes room for one
    far.abort(there[1])
    assert [other.reset for other in filled(3)] == [False, False, True]


def test_a_peer_that_does_not_read_its_answers_is_dropped() -> None:
    near, far = pair()

    def flood() -> None:
        while True:
            near.open()
            far.received(memoryview(near.batch()))

    with pytest.raises(ProtocolViolation, match="does not read"):
        flood()


@pytest.mark.parametrize(
    ("frames", "what"),
    [
        (frame(DATA, 1, 1, b"x"), "never opened"),
        (frame(OPEN, 2), "where 1 is next"),
        (frame(OPEN, 3), "where 1 is next"),
        (frame(OPEN, 1) * 2, "where 3 is next"),
        (frame(OPEN, 1) + frame(DATA, 1, 0), "0 bytes"),
        (frame(OPEN, 1) + frame(DATA, 1, WINDOW_BYTES + 1), f"{WINDOW_BYTES + 1} bytes"),
        (frame(OPEN, 1) + frame(DATA, 1, WINDOW_BYTES, bytes(WINDOW_BYTES)) + frame(DATA, 1, 1, b"x"), "credit"),
        (frame(OPEN, 1) + frame(CREDIT, 1, 1), "more credit"),
        (frame(OPEN, 1) + frame(END, 1) * 2, "kind 3"),
        (frame(OPEN, 1) + frame(END, 1) + frame(DATA, 1, 1, b"x"), "the end of a stream"),
        (frame(OPEN, 1) + frame(9, 1), "kind 9"),
        (frame(RESET, 0), "never opened"),
        (frame(END, 2), "never opened"),
    ],
)
def test_frames_that_make_no_sense_end_the_connection(frames, what) -> None:
    _near, far = pair()
    with pytest.raises(ProtocolViolation, match=what):
        far.received(memoryview(frames))
