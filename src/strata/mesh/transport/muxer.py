"""The streams of a connection as libp2p sees them: `/strata/mux/1`, a thin adapter of `Streams` on trio.

libp2p 0.8.1 makes its own Yamux for whoever negotiates `/yamux/1.0.0`, whatever the host says: hence a name of our own.
"""

import logging
from types import TracebackType

import trio
from libp2p.abc import IMuxedConn, IMuxedStream, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.custom_types import TProtocol
from libp2p.io.exceptions import IOException
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable, MuxedStreamClosed, MuxedStreamEOF, MuxedStreamReset
from multiaddr import Multiaddr

from strata.mesh.bandwidth import Kind, TokenBucket
from strata.mesh.transport.sending import Sender
from strata.mesh.transport.session import Session
from strata.mesh.transport.streams import MAX_STREAMS, Stream, Streams
from strata.mesh.uplink import Uplink, own_uplink
from strata.secure import ProtocolViolation

log = logging.getLogger(__name__)

PROTOCOL = TProtocol("/strata/mux/1")
CLOSE_SECONDS = 1.0
STREAMS_PER_SECOND = 64  # that the peer may open, beside as many at once as may be open


class Muxer(IMuxedConn):
    """The muxed side of a secured connection."""

    def __init__(self, conn: ISecureConn, peer_id: ID, *, uplink: Uplink | None = None) -> None:
        self.peer_id = peer_id
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.secured_conn = conn  # by this name libp2p looks for it
        self._streams = Streams(initiator=conn.is_initiator)
        self._muxed: dict[Stream, MuxedStream] = {}
        self._send_opened, self._opened = trio.open_memory_channel[MuxedStream](1 << 10)
        self._opening = TokenBucket(STREAMS_PER_SECOND, MAX_STREAMS, trio.current_time())
        self._sender = Sender(self._streams, conn.write, self._wake_writers, own_uplink() if uplink is None else uplink)
        self._closing = False

    @property
    def is_initiator(self) -> bool:
        """Whether this side dialled."""
        return bool(self.secured_conn.is_initiator)

    @property
    def is_established(self) -> bool:
        """Whether streams can be opened."""
        return self.event_started.is_set() and not self._closing

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self.event_closed.is_set()

    async def start(self) -> None:
        """Carry the streams until the connection ends."""
        self.event_started.set()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sender.run)
                await self._receive()
                nursery.cancel_scope.cancel()
        finally:
            self._over()
            with trio.CancelScope(shield=True):
                await self.secured_conn.close()

    async def close(self) -> None:
        """Send what is still waiting, as far as the peer takes it, and close."""
        if not self._closing:
            self._closing = True
            self._sender.finish()
            if self.event_started.is_set() and not self.is_closed:
                with trio.move_on_after(CLOSE_SECONDS):
                    await self._sender.done.wait()
            self._over()
        await self.secured_conn.close()

    async def open_stream(self) -> "MuxedStream":
        """Open a stream; raises MuxedConnUnavailable when the connection is over."""
        if self._closing:
            raise MuxedConnUnavailable("the connection is closed")
        await trio.lowlevel.checkpoint()
        return self._adopt(self._streams.open())

    async def accept_stream(self) -> "MuxedStream":
        """The next stream that the peer opens; raises MuxedConnUnavailable at the end."""
        try:
            return await self._opened.receive()
        except trio.EndOfChannel:
            raise MuxedConnUnavailable("the connection is closed") from None

    def get_transport_addresses(self) -> list[Multiaddr]:
        """The addresses that this connection goes over."""
        addresses: list[Multiaddr] = self.secured_conn.get_transport_addresses()
        return addresses

    def get_connection_type(self) -> ConnectionType:
        """Direct or relayed."""
        return self.secured_conn.get_connection_type()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Host and port of the peer, where the connection has them."""
        address: tuple[str, int] | None = self.secured_conn.get_remote_address()
        return address

    def wake(self) -> None:
        """Send, if there is something to send."""
        self._sender.wake()

    def forget(self, stream: Stream) -> None:
        """Nothing that comes changes this stream any more."""
        self._muxed.pop(stream, None)

    def _adopt(self, stream: Stream) -> "MuxedStream":
        muxed = self._muxed[stream] = MuxedStream(self, self._streams, stream)
        self.wake()
        return muxed

    async def _receive(self) -> None:
        session = self.secured_conn
        read = session.read_record if isinstance(session, Session) else session.read
        try:
            while data := await read():
                changed = self._streams.received(memoryview(data))
                for stream in self._streams.opened():
                    self._accept(stream)
                for stream in changed:
                    if (muxed := self._muxed.get(stream)) is None:
                        continue
                    muxed.readable.unpark_all()
                    muxed.writable.unpark_all()
                    if stream.reset or (stream.ended and stream.finished):
                        self.forget(stream)
                self.wake()
        except (IOException, trio.ClosedResourceError) as error:
            log.debug("the connection to %s ended: %s", self.peer_id, error)
        except (ProtocolViolation, trio.WouldBlock) as error:
            log.warning("dropped the connection to %s: %s", self.peer_id, error or "too many streams at once")

    def _accept(self, stream: Stream) -> None:
        """Hand on a stream that the peer has opened; one too many is reset: each costs this side more than the peer."""
        now = trio.current_time()
        if self._opening.ready_at(1) > now:
            self._streams.abort(stream)
        elif not stream.reset:
            self._opening.take(1, now)
            self._send_opened.send_nowait(self._adopt(stream))

    def _wake_writers(self) -> None:
        for muxed in self._muxed.values():
            muxed.writable.unpark_all()

    def _over(self) -> None:
        self._closing = True
        self._sender.done.set()
        self.event_closed.set()
        self._send_opened.close()
        for muxed in self._muxed.values():
            muxed.lost = True
            muxed.readable.unpark_all()
            muxed.writable.unpark_all()
        self._muxed.clear()


class MuxedStream(IMuxedStream):
    """One stream. Reads and writes may each come from one task at a time."""

    def __init__(self, muxed_conn: Muxer, streams: Streams, stream: Stream) -> None:
        self.muxed_conn = muxed_conn
        self.readable = trio.lowlevel.ParkingLot()
        self.writable = trio.lowlevel.ParkingLot()
        self.lost = False  # with its connection
        self._streams = streams
        self._stream = stream

    async def read(self, n: int | None = None) -> bytes:
        """At most `n` bytes, at least one; raises MuxedStreamEOF at the end, MuxedStreamReset."""
        if n == 0:
            return b""
        stream = self._stream
        while not stream.unread:
            self._check()
            if stream.ended:
                raise MuxedStreamEOF("the peer has ended the stream")
            await self.readable.park()
        data = self._streams.take(stream, stream.unread if n is None or n < 0 else n)
        self.muxed_conn.wake()
        return data

    async def write(self, data: bytes) -> None:
        """Send all of `data`; returns when it waits for its turn. Raises MuxedStreamClosed, MuxedStreamReset.

        Where there is room it does not let other tasks run: `NetStream`, through which libp2p's users come, does.
        """
        view = memoryview(data)
        while True:
            self._check()
            if self._stream.finished:
                raise MuxedStreamClosed("the stream was closed on this side")
            view = view[self._streams.write(self._stream, view) :]
            self.muxed_conn.wake()
            if not view:
                return
            await self.writable.park()

    async def close(self) -> None:
        """Send what was written and end this side; the other may go on."""
        self._streams.finish(self._stream)
        self._changed_here()
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        """End both sides now."""
        self._streams.abort(self._stream)
        self._changed_here()
        await trio.lowlevel.checkpoint()

    @property
    def kind(self) -> Kind:
        """The class of what is written here, which counts where the uplink is bounded."""
        return self._stream.kind

    @kind.setter
    def kind(self, kind: Kind) -> None:
        self._stream.kind = kind

    def set_deadline(self, ttl: int) -> None:
        """Not supported, as in libp2p's own muxers: use trio's cancel scopes."""
        raise NotImplementedError("use trio.move_on_after")

    def get_remote_address(self) -> tuple[str, int] | None:
        """Host and port of the peer, where the connection has them."""
        return self.muxed_conn.get_remote_address()

    async def __aenter__(self) -> "MuxedStream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _changed_here(self) -> None:
        self.muxed_conn.wake()
        self.readable.unpark_all()
        self.writable.unpark_all()
        if self._stream.reset or self._stream.ended:
            self.muxed_conn.forget(self._stream)

    def _check(self) -> None:
        if self._stream.reset or self.lost:
            raise MuxedStreamReset("the stream was reset, or its connection ended")
