"""Many streams in one channel: a state machine, bytes in and bytes out, that does no input or output.

The idea is yamux's (https://github.com/hashicorp/yamux/blob/master/spec.md): streams numbered odd by the side that
dialled and even by the other, and a window of credit for each, so that a reader that stops holds up its own stream
alone. A frame is a header (kind u8, stream u32, size u32) and, for DATA, `size` bytes:

    OPEN    the stream begins                DATA    bytes of the stream
    CREDIT  `size` more bytes may be sent    END     nothing follows on this side
    RESET   the stream is over for both

Unlike in yamux, a stream's bytes wait until somebody takes a batch: what was written meanwhile leaves in one frame. In
a batch the streams take turns. Frames come out of an authenticated channel, so one that makes no sense is a member's
fault and ends the connection: ProtocolViolation.
"""

import struct
from itertools import islice

from strata.mesh.bandwidth import Kind
from strata.mesh.transport.stream import WINDOW_BYTES, Stream
from strata.secure import ProtocolViolation

OPEN, DATA, CREDIT, END, RESET = range(5)
HEADER = struct.Struct(">BII")

MESSAGE_BYTES = 65_519  # plaintext of the channel's largest message
TURN_BYTES = MESSAGE_BYTES - HEADER.size
BATCH_BYTES = 4 * MESSAGE_BYTES
MAX_STREAMS = 128  # that the peer may have open at a time
MAX_UNREAD = 32 << 20  # bytes of all streams together: far more than a reader who keeps up ever leaves
_MAX_CONTROL = 64 << 10  # bytes of answers to a peer that does not read them
_MAX_NUMBER = (1 << 32) - 1


class Streams:
    """All streams of one side of a connection. `written` counts the bytes that were ever written."""

    def __init__(self, *, initiator: bool) -> None:
        self.written = 0
        self._opened: list[Stream] = []
        self._live: dict[int, Stream] = {}
        self._ready: dict[int, Stream] = {}  # those with something to send that may be sent, in the order of turns
        self._control = bytearray()
        self._rest = bytearray()  # of what was received: a frame whose end has not come
        self._next = 1 if initiator else 2
        self._next_of_peer = 2 if initiator else 1
        self._of_peer = 0  # live ones that the peer opened
        self._unread = 0  # of all streams

    def __len__(self) -> int:
        return len(self._live)

    @property
    def has_output(self) -> bool:
        """Whether a batch would hold anything."""
        return bool(self._control or self._ready)

    def open(self) -> Stream:
        """A new stream; it may be written to at once."""
        if self._next > _MAX_NUMBER:
            raise ProtocolViolation("the connection has used up its 2^31 streams")
        stream = self._live[self._next] = Stream(self._next)
        self._next += 2
        self._send(OPEN, stream)
        return stream

    def opened(self) -> list[Stream]:
        """The streams that the peer has opened since the last time."""
        opened, self._opened = self._opened, []
        return opened

    def write(self, stream: Stream, data: memoryview) -> int:
        """Take as much of `data` as there is room for; how much that was. The stream is not finished, nor reset."""
        taken = data[: stream.room]
        stream._outbox += taken
        self.written += len(taken)
        self._schedule(stream)
        return len(taken)

    def take(self, stream: Stream, most: int) -> bytes:
        """At most `most` bytes of what has come; the peer may then send as much again."""
        inbox = stream._inbox
        self._unread -= min(most, len(inbox))
        if most >= len(inbox):
            taken = bytes(inbox)
            inbox.clear()
        else:
            taken = bytes(memoryview(inbox)[:most])
            del inbox[:most]
        stream._owed += len(taken)
        # Not before it is worth a frame; the other half of the window bridges the time until it arrives.
        if stream._owed >= WINDOW_BYTES // 2 and not stream.ended and stream.number in self._live:
            self._send(CREDIT, stream, stream._owed)
            stream._payable += stream._owed
            stream._owed = 0
        return taken

    def finish(self, stream: Stream) -> None:
        """Nothing more will be written; what was is still sent. Harmless when repeated."""
        if not stream.finished and not stream.reset:
            stream.finished = True
            self._schedule(stream)

    def abort(self, stream: Stream) -> None:
        """End the stream for both sides now; harmless when it is over."""
        if stream.number in self._live and not stream.reset:
            self._send(RESET, stream)
            self._drop(stream, reset=True)

    def pending(self, kind: Kind, turns: int | None = None) -> int:
        """How many bytes a batch of a class, with at most so many turns, would hold, if it had no limit.

        The frames of no stream are control.
        """
        mine = (stream for stream in self._ready.values() if stream.kind is kind)
        frames = sum(HEADER.size + min(len(stream._outbox), stream._window) for stream in islice(mine, turns))
        return frames + (len(self._control) if kind is Kind.CONTROL else 0)

    def batch(self, kind: Kind | None = None, most: int = BATCH_BYTES, turns: int | None = None) -> bytearray:
        """The next frames to send: `most` bytes and a few control frames; of the streams of one class, or of all.

        turns: how many streams at most have one in it.
        """
        batch, self._control = self._control, bytearray()
        ready = self._ready
        due = ready if kind is None else {each.number: each for each in ready.values() if each.kind is kind}
        taken = 0
        while due and len(batch) < most and (turns is None or taken < turns):
            taken += 1
            number = next(iter(due))
            stream = due.pop(number)
            ready.pop(number, None)
            outbox = stream._outbox
            if size := min(len(outbox), stream._window, TURN_BYTES, most - len(batch)):
                batch += HEADER.pack(DATA, stream.number, size)
                batch += memoryview(outbox)[:size]
                del outbox[:size]
                stream._window -= size
            if not outbox and stream.finished:
                batch += HEADER.pack(END, stream.number, 0)
                stream._end_sent = True
                if stream.ended:
                    self._drop(stream)
            else:
                self._schedule(stream)
        return batch

    def received(self, data: memoryview) -> list[Stream]:
        """Take what has come; the streams that it changed. Raises ProtocolViolation."""
        if self._rest:
            self._rest += data
            data, self._rest = memoryview(self._rest), bytearray()
        changed: dict[int, Stream] = {}
        start, end = 0, len(data)
        while start + HEADER.size <= end:
            kind, number, size = HEADER.unpack_from(data, start)
            body = start + HEADER.size
            start = body
            if kind == DATA:
                if not 0 < size <= WINDOW_BYTES:
                    raise ProtocolViolation(f"a frame with {size} bytes of data")
                if (start := body + size) > end:
                    start = body - HEADER.size
                    break
                stream = self._data(number, data[body:start])
            else:
                stream = self._control_frame(kind, number, size)
            if stream is not None:
                changed[number] = stream
        self._rest += data[start:]
        return list(changed.values())

    def _data(self, number: int, body: memoryview) -> Stream | None:
        if (stream := self._find(number)) is not None:
            stream._payable -= len(body)
            if stream._payable < 0 or stream.ended:
                raise ProtocolViolation("data beyond the credit or the end of a stream")
            stream._inbox += body
            self._unread += len(body)
            if self._unread > MAX_UNREAD:
                self.abort(stream)
        return stream

    def _control_frame(self, kind: int, number: int, size: int) -> Stream | None:
        if kind == OPEN:
            return self._open_of_peer(number)
        if (stream := self._find(number)) is None:
            return None
        if kind == CREDIT:
            stream._window += size
            if stream._window > WINDOW_BYTES:
                raise ProtocolViolation("more credit than was used")
            self._schedule(stream)
        elif kind == END and not stream.ended:
            stream.ended = True
            if stream._end_sent:
                self._drop(stream)
        elif kind == RESET:
            self._drop(stream, reset=True)
        else:
            raise ProtocolViolation(f"a frame of kind {kind} where none is allowed")
        return stream

    def _open_of_peer(self, number: int) -> Stream | None:
        if number != self._next_of_peer:
            raise ProtocolViolation(f"stream {number} opened where {self._next_of_peer} is next")
        self._next_of_peer += 2
        stream = Stream(number)
        if self._of_peer >= MAX_STREAMS:
            self._send(RESET, stream)
            return None
        self._of_peer += 1
        self._live[number] = stream
        self._opened.append(stream)
        return stream

    def _find(self, number: int) -> Stream | None:
        """A live stream; None for one that is over here, of which the peer may not know yet."""
        stream = self._live.get(number)
        if stream is None and not 0 < number < (self._next if self._is_own(number) else self._next_of_peer):
            raise ProtocolViolation(f"a frame of stream {number}, which was never opened")
        return stream

    def _is_own(self, number: int) -> bool:
        return number % 2 == self._next % 2

    def _schedule(self, stream: Stream) -> None:
        """Give it a turn if there is something to send: bytes and credit for them, or its end."""
        sendable = stream._window if stream._outbox else stream.finished and not stream._end_sent
        if sendable and stream.number in self._live:
            self._ready.setdefault(stream.number, stream)

    def _send(self, kind: int, stream: Stream, size: int = 0) -> None:
        if len(self._control) > _MAX_CONTROL:
            raise ProtocolViolation("the peer asks for answers and does not read them")
        self._control += HEADER.pack(kind, stream.number, size)

    def _drop(self, stream: Stream, *, reset: bool = False) -> None:
        del self._live[stream.number]
        self._ready.pop(stream.number, None)
        self._of_peer -= not self._is_own(stream.number)
        if reset:
            stream.reset = True
            self._unread -= len(stream._inbox)
            stream._inbox.clear()
            stream._outbox.clear()
