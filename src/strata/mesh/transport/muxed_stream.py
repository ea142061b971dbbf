"""One stream of a connection as libp2p sees it: a thin adapter of `Stream` on trio."""

from collections.abc import Callable
from types import TracebackType

import trio
from libp2p.abc import IMuxedConn, IMuxedStream
from libp2p.stream_muxer.exceptions import MuxedStreamClosed, MuxedStreamEOF, MuxedStreamReset

from strata.mesh.bandwidth import Kind
from strata.mesh.transport.sending import Sender
from strata.mesh.transport.stream import Stream
from strata.mesh.transport.streams import Streams


class MuxedStream(IMuxedStream):
    """Reads and writes may each come from one task at a time. `forget` is called when nothing changes it any more."""

    def __init__(
        self,
        muxed_conn: IMuxedConn,
        streams: Streams,
        stream: Stream,
        sender: Sender,
        forget: Callable[[Stream], None],
    ) -> None:
        self.muxed_conn = muxed_conn
        self.readable = trio.lowlevel.ParkingLot()
        self.writable = trio.lowlevel.ParkingLot()
        self.lost = False  # with its connection
        self._streams = streams
        self._stream = stream
        self._sender = sender
        self._forget = forget

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
        self._sender.wake()
        return data

    async def write(self, data: bytes) -> None:
        """Send all of `data`; returns when it waits for its turn, or where nothing is joined, when it was sent.

        Raises MuxedStreamClosed, MuxedStreamReset.

        Where there is room it does not let other tasks run: `NetStream`, through which libp2p's users come, does.
        """
        view = memoryview(data)
        while True:
            self._check()
            if self._stream.finished:
                raise MuxedStreamClosed("the stream was closed on this side")
            view = view[self._streams.write(self._stream, view) :]
            self._sender.wake()
            if not view and (self._sender.joining or not self._stream.unsent):
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
        address: tuple[str, int] | None = self.muxed_conn.get_remote_address()
        return address

    async def __aenter__(self) -> "MuxedStream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _changed_here(self) -> None:
        self._sender.wake()
        self.readable.unpark_all()
        self.writable.unpark_all()
        if self._stream.reset or self._stream.ended:
            self._forget(self._stream)

    def _check(self) -> None:
        if self._stream.reset or self.lost:
            raise MuxedStreamReset("the stream was reset, or its connection ended")
