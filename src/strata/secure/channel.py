"""The encrypted channel between two members: a state machine, bytes in and events out, that does no input or output.

An adapter (see `strata.mesh.links`) runs it like this:

    while (event := channel.next_event()) is None:
        send(channel.outgoing())
        channel.received(recv_into(channel.receive_buffer()))  # 0 at the end of the stream
    send(channel.outgoing())  # only the handshake has something to say by itself

The first event is `Established`, then come records (memoryviews, owned by the caller), and in the end `Closed`. The
initiator's `Established` waits for the responder's word that it accepted: a refused peer learns so at once. Anything
else raises a `ChannelError`, now and at every later call; the channel is then good for nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cryptography.utils import Buffer

from strata.secure.buffers import reserve
from strata.secure.cipher import Suite
from strata.secure.errors import (
    ChannelClosed,
    ChannelError,
    HandshakeFailed,
    NonceExhausted,
    ProtocolViolation,
    Truncated,
)
from strata.secure.handshake import Handshake, InitiatorHandshake, ResponderHandshake
from strata.secure.identity import Identity
from strata.secure.membership import Member, Membership
from strata.secure.records import CLOSE, DATA, WELCOME, RecordReader, RecordWriter
from strata.secure.replay import ReplayCache

# Room for four of the largest messages: few system calls, and small enough to stay in the second-level cache.
RECEIVE_BUFFER_BYTES = 256 << 10


@dataclass(frozen=True)
class Established:
    """The handshake is done and both sides are members of the mesh."""

    peer: Member


@dataclass(frozen=True)
class Closed:
    """The peer closed the channel, and said so under encryption."""


Event = Established | Closed | memoryview


class Channel:
    """One side of a channel. Not safe for use by several threads."""

    def __init__(self, handshake: Handshake) -> None:
        self._handshake = handshake
        self._welcomed = not handshake.initiates
        self._outgoing = handshake.start()
        self._writer: RecordWriter | None = None
        self._reader: RecordReader | None = None
        self._peer: Member | None = None
        self._error: ChannelError | None = None
        self._closed_here = self._closed_there = self._ended = self._sending = False
        self._buffer = reserve(RECEIVE_BUFFER_BYTES)
        self._start = self._end = 0

    @classmethod
    def initiator(
        cls, identity: Identity, membership: Membership, peer_id: str, *, suite: Suite | None = None, extra: bytes = b""
    ) -> "Channel":
        """The side that dials `peer_id`; raises NotAMember when the membership does not list it."""
        return cls(InitiatorHandshake(identity, membership, peer_id, suite=suite, extra=extra))

    @classmethod
    def responder(
        cls, identity: Identity, membership: Callable[[], Membership], replays: ReplayCache, *, extra: bytes = b""
    ) -> "Channel":
        """The side that listens; `membership` gives the current one, and `replays` is shared by all of a listener's."""
        return cls(ResponderHandshake(identity, membership, replays, extra=extra))

    @property
    def peer(self) -> Member | None:
        """The authenticated peer, once the channel is established."""
        return self._peer if self._welcomed else None

    @property
    def hello_opened(self) -> bool:
        """Whether this channel began with an ECH-style hello that was opened (see `strata.secure.ech`)."""
        return self._handshake.accepted

    def outgoing(self) -> bytes:
        """Handshake bytes to send now; empty when there are none."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_buffer(self) -> memoryview:
        """Where to put the next bytes from the wire; never empty."""
        rest = self._end - self._start
        if rest and self._start:  # less than one message: move it to the front
            self._buffer[:rest] = self._buffer[self._start : self._end]
        self._start, self._end = 0, rest
        return self._buffer[rest:]

    def received(self, count: int) -> None:
        """Say that `count` bytes were put into the receive buffer; 0 means that the stream has ended."""
        self._end += count
        self._ended = self._ended or count == 0

    def next_event(self) -> Event | None:
        """The next event in what was received, None when more bytes are needed; raises ChannelError."""
        if self._error is not None:
            raise self._error
        try:
            return self._advance()
        except ChannelError as error:
            self._error = error
            raise

    def send(self, *buffers: Buffer) -> Iterable[memoryview]:
        """The wire bytes of one record made of the joined buffers, piece by piece.

        Send each view before asking for the next: they share memory. A record that is not sent to its end leaves the
        channel unusable. Raises RecordTooLarge, which harms nothing, and ChannelClosed.
        """
        if not self._sendable():
            raise ChannelClosed("the channel is not open for sending")
        assert self._writer is not None
        try:
            views = self._writer.write(DATA, buffers)
        except NonceExhausted as error:
            self._error = error
            raise
        if isinstance(views, tuple):
            return views
        self._sending = True  # stays so if the caller gives up midway
        return self._send(views)

    def close(self) -> bytes:
        """The wire bytes that tell the peer that nothing follows; empty when there is nobody to tell."""
        if not self._sendable():
            return b""
        assert self._writer is not None
        self._closed_here = True
        return b"".join(self._writer.write(CLOSE, ()))

    def _sendable(self) -> bool:
        return self._welcomed and self._writer is not None and not (self._closed_here or self._sending or self._error)

    def _send(self, views: Iterable[memoryview]) -> Iterator[memoryview]:
        try:
            yield from views
        except NonceExhausted as error:
            self._error = error
            raise
        self._sending = False

    def _advance(self) -> Event | None:
        if self._closed_there:
            return Closed()
        if self._reader is None and (event := self._shake_hands()) is not None:
            return event
        if (reader := self._reader) is not None:
            self._start, record = reader.read(self._buffer, self._start, self._end)
            if record is not None:
                return record if reader.kind == DATA and self._welcomed else self._control(reader.kind, record)
        if self._ended:
            raise self._cut_off()
        return None

    def _control(self, kind: int, record: memoryview) -> Event:
        if kind == WELCOME and not self._welcomed:
            self._handshake.welcomed(bytes(record))
            self._welcomed = True
            assert self._peer is not None
            return Established(self._peer)
        if kind == CLOSE and self._welcomed:
            self._closed_there = True
            return Closed()
        raise ProtocolViolation(f"a record of kind {kind} where none is allowed")

    def _shake_hands(self) -> Established | None:
        while (expected := self._handshake.expected) <= self._end - self._start:
            message = bytes(self._buffer[self._start : self._start + expected])
            self._start += expected
            self._outgoing += self._handshake.step(message)
            if not self._handshake.expected:
                return self._keyed()
        return None

    def _keyed(self) -> Established | None:
        """The handshake is over on this side. The responder has decided; the initiator waits for its word."""
        self._peer, (send, receive) = self._handshake.finish()
        self._writer, self._reader = RecordWriter(send), RecordReader(receive)
        if not self._welcomed:
            return None
        self._outgoing += b"".join(self._writer.write(WELCOME, (self._handshake.welcome(),)))
        return Established(self._peer)

    def _cut_off(self) -> ChannelError:
        if self._welcomed and self._peer is not None:
            return Truncated("the connection ended without the peer's close")
        return HandshakeFailed(
            "the peer hung up during the handshake: it may hold another membership, or the clocks differ too much"
        )
