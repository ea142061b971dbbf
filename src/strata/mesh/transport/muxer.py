"""The streams of a connection as libp2p sees them: `/strata/mux/1`, a thin adapter of `Streams` on trio.

libp2p 0.8.1 makes its own Yamux for whoever negotiates `/yamux/1.0.0`, whatever the host says: hence a name of our own.
"""

import logging

import trio
from libp2p.abc import IMuxedConn, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.custom_types import TProtocol
from libp2p.io.exceptions import IOException
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from multiaddr import Multiaddr

from strata.mesh.bandwidth import TokenBucket
from strata.mesh.port import Enhanced, by_flag
from strata.mesh.transport.muxed_stream import MuxedStream
from strata.mesh.transport.sending import Sender
from strata.mesh.transport.session import Session
from strata.mesh.transport.stream import Stream
from strata.mesh.transport.streams import MAX_STREAMS, Streams
from strata.mesh.uplink import Uplink, own_uplink
from strata.secure import ProtocolViolation

log = logging.getLogger(__name__)

PROTOCOL = TProtocol("/strata/mux/1")
CLOSE_SECONDS = 1.0
STREAMS_PER_SECOND = 64  # that the peer may open, beside as many at once as may be open


class Muxer(IMuxedConn):
    """The muxed side of a secured connection. enhanced: of a peer id, whether its messages are joined."""

    def __init__(
        self, conn: ISecureConn, peer_id: ID, *, uplink: Uplink | None = None, enhanced: Enhanced = by_flag
    ) -> None:
        self.peer_id = peer_id
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.secured_conn = conn  # by this name libp2p looks for it
        self._streams = Streams(initiator=conn.is_initiator)
        self._muxed: dict[Stream, MuxedStream] = {}
        self._send_opened, self._opened = trio.open_memory_channel[MuxedStream](1 << 10)
        self._opening = TokenBucket(STREAMS_PER_SECOND, MAX_STREAMS, trio.current_time())
        uplink = own_uplink() if uplink is None else uplink
        joining = enhanced(str(peer_id))
        self._sender = Sender(self._streams, conn.write, self._wake_writers, uplink, joining=joining)
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

    async def open_stream(self) -> MuxedStream:
        """Open a stream; raises MuxedConnUnavailable when the connection is over."""
        if self._closing:
            raise MuxedConnUnavailable("the connection is closed")
        await trio.lowlevel.checkpoint()
        return self._adopt(self._streams.open())

    async def accept_stream(self) -> MuxedStream:
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

    def _forget(self, stream: Stream) -> None:
        """Nothing that comes changes this stream any more."""
        self._muxed.pop(stream, None)

    def _adopt(self, stream: Stream) -> MuxedStream:
        muxed = self._muxed[stream] = MuxedStream(self, self._streams, stream, self._sender, self._forget)
        self._sender.wake()
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
                        self._forget(stream)
                self._sender.wake()
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
