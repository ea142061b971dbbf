"""QUIC as one more way for bytes to go: the mesh's channel runs inside one stream of a QUIC connection.

QUIC brings TLS 1.3, and libp2p 0.8.1 takes its connections as they are, streams and all. Two things speak against that.
Its security is not the mesh's: no hello, no front, no policy. And its streams lose bytes: what comes while a stream's
receive buffer is full is acknowledged and dropped without a word, and the peer is given credit all the same.

So a connection is used for one stream, which carries `/strata/xk/1` and `/strata/mux/1` as TCP does. A byte that is
lost fails authentication there and ends the connection. None should be: the muxer reads at once and has credit of its
own, and the buffer is larger than all of that. It is small until the peer has proved to be a member. Hosts that speak
QUIC as libp2p does are refused, and fronts pass nothing on over it.
"""

import logging

from libp2p.abc import IRawConnection
from libp2p.crypto.keys import PrivateKey
from libp2p.custom_types import THandler
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.stream_muxer.exceptions import MuxedStreamEOF
from libp2p.transport.quic.config import QUICTransportConfig
from libp2p.transport.quic.connection import QUICConnection
from libp2p.transport.quic.exceptions import QUICError
from libp2p.transport.quic.listener import QUICListener
from libp2p.transport.quic.stream import QUICStream
from libp2p.transport.quic.transport import QUICTransport
from multiaddr import Multiaddr

from strata.mesh.transport.streams import MAX_UNREAD

log = logging.getLogger(__name__)

_HANDSHAKE_BYTES = 64 << 10
_MEMBER_BYTES = 2 * MAX_UNREAD  # what the streams inside may hold is bounded by less
_BROKEN = (BaseLibp2pError, QUICError, AssertionError)  # the last is aioquic's, of a stream that is over
_NEVER = 1e9  # seconds: who waits for how long is for the mesh to say


class OneStreamQuic(QUICTransport):
    """A transport of raw connections, each a stream of a QUIC connection of its own."""

    def __init__(self, private_key: PrivateKey, handshake_seconds: float) -> None:
        super().__init__(
            private_key,
            QUICTransportConfig(
                MAX_INCOMING_STREAMS=1,
                STREAM_RECEIVE_BUFFER_LOW_WATERMARK=_HANDSHAKE_BYTES // 4,
                STREAM_RECEIVE_BUFFER_HIGH_WATERMARK=_HANDSHAKE_BYTES // 2,
                MAX_STREAM_RECEIVE_BUFFER=_HANDSHAKE_BYTES,
                STREAM_READ_TIMEOUT=_NEVER,
                STREAM_WRITE_TIMEOUT=_NEVER,
            ),
        )
        self._seconds = handshake_seconds

    async def dial(self, maddr: Multiaddr) -> RawConnection:
        """Connect, to whoever proves the peer id in the address; raises QUICDialError."""
        connection = await super().dial(maddr)
        return RawConnection(_Pipe(connection, await connection.open_stream()), True)

    def create_listener(self, handler_function: THandler) -> QUICListener:
        """A listener that hands on each connection's stream; there is no second one."""

        async def first_stream(connection: QUICConnection) -> None:
            try:
                stream = await connection.accept_stream(self._seconds)
            except (BaseLibp2pError, QUICError) as error:
                log.info("a QUIC connection came to nothing: %s", error)
                await connection.close()
                return
            await handler_function(_Pipe(connection, stream))

        return super().create_listener(first_stream)


def is_quic(conn: IRawConnection) -> bool:
    """Whether it is a stream of QUIC."""
    return isinstance(conn, RawConnection) and isinstance(conn.stream, _Pipe)


def trust(conn: IRawConnection) -> None:
    """The peer is a member: where this is a stream of QUIC, all that its muxer may send is taken."""
    if isinstance(conn, RawConnection) and isinstance(conn.stream, _Pipe):
        conn.stream.trust()


class _Pipe(ReadWriteCloser):
    """A stream, and the connection that ends with it."""

    def __init__(self, connection: QUICConnection, stream: QUICStream) -> None:
        self._connection = connection
        self._stream = stream

    def trust(self) -> None:
        """Take more at a time."""
        self._stream.MAX_RECEIVE_BUFFER_SIZE = _MEMBER_BYTES

    async def read(self, n: int | None = None) -> bytes:
        """Some bytes, and nothing at the end; raises ConnectionClosedError."""
        try:
            data: bytes = await self._stream.read(n)
        except MuxedStreamEOF:
            return b""
        except _BROKEN as error:
            raise ConnectionClosedError(str(error)) from error
        return data

    async def write(self, data: bytes) -> None:
        """Send; raises ConnectionClosedError."""
        try:
            await self._stream.write(data)
        except _BROKEN as error:
            raise ConnectionClosedError(str(error)) from error

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Host and port."""
        host, port = self._connection.get_remote_address()
        return host, port
