"""A channel over a connection of libp2p, once it is established: what the muxer reads and writes."""

import trio
from libp2p.abc import IRawConnection
from libp2p.connection_types import ConnectionType
from libp2p.crypto.keys import PrivateKey, PublicKey
from libp2p.io.exceptions import ConnectionClosedError, IOException
from libp2p.peer.id import ID
from libp2p.security.base_session import BaseSession
from multiaddr import Multiaddr

from strata.secure import MAX_RECORD, Channel, ChannelError

CLOSE_SECONDS = 1.0
_READ_BYTES = 128 << 10  # a larger buffer costs more to allocate than it saves in system calls


class Session(BaseSession):
    """A secured connection. Writes may come from several tasks, reads from one at a time.

    To libp2p `b""` is the end of the stream: it is returned after the peer's authenticated close and never else. Any
    other end raises ConnectionClosedError, which is also what follows a write that was interrupted.
    """

    def __init__(
        self,
        conn: IRawConnection,
        channel: Channel,
        *,
        local_peer: ID,
        private_key: PrivateKey,
        remote_peer: ID,
        remote_key: PublicKey,
        is_initiator: bool,
    ) -> None:
        super().__init__(
            local_peer=local_peer,
            local_private_key=private_key,
            remote_peer=remote_peer,
            remote_permanent_pubkey=remote_key,
            is_initiator=is_initiator,
        )
        self._conn = conn
        self._channel = channel
        self._lock = trio.Lock()
        self._rest = memoryview(b"")
        self._broken = False

    @property
    def static_key(self) -> bytes:
        """The channel key that the peer has shown, 32 bytes."""
        assert self._channel.peer is not None
        return self._channel.peer.static_key

    async def read_record(self) -> memoryview:
        """What was read and not yet taken, else the next record that has any bytes; empty at the clean end."""
        if self._rest:
            rest, self._rest = self._rest, memoryview(b"")
            return rest
        try:
            while True:
                event = self._channel.next_event()
                if event is None:
                    await self._receive_some()
                elif not isinstance(event, memoryview):
                    return memoryview(b"")
                elif event:
                    return event
        except (ChannelError, IOException) as error:
            raise ConnectionClosedError(str(error)) from error

    async def read(self, n: int | None = None) -> bytes:
        """At most `n` bytes of the next record; see `read_record`."""
        if n == 0:
            return b""
        record = await self.read_record()
        if n is None or n < 0 or n >= len(record):
            return bytes(record)
        self._rest = record[n:]
        return bytes(record[:n])

    async def write(self, data: bytes) -> None:
        """Encrypt and send; raises ConnectionClosedError. Small writes are cheaper joined: each is a record."""
        view = memoryview(data)
        async with self._lock:
            while view:
                await self._send(view[:MAX_RECORD])
                view = view[MAX_RECORD:]

    async def close(self) -> None:
        """Tell the peer, if it still listens, and close."""
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                async with self._lock:
                    if not self._broken and (farewell := self._channel.close()):
                        await self._conn.write(farewell)
        except (ChannelError, IOException):
            pass  # the peer has gone already
        finally:
            with trio.CancelScope(shield=True):
                await self._conn.close()

    def get_remote_address(self) -> tuple[str, int] | None:
        """Host and port of the peer, where the connection has them."""
        address: tuple[str, int] | None = self._conn.get_remote_address()
        return address

    def get_transport_addresses(self) -> list[Multiaddr]:
        """The addresses that this connection goes over."""
        addresses: list[Multiaddr] = self._conn.get_transport_addresses()
        return addresses

    def get_connection_type(self) -> ConnectionType:
        """Direct or relayed."""
        return self._conn.get_connection_type()

    async def _send(self, view: memoryview) -> None:
        if self._broken:
            raise ConnectionClosedError("an earlier write did not finish")
        self._broken = True  # unless this one finishes: half a record cannot be taken back
        try:
            for piece in self._channel.send(view):
                await self._conn.write(bytes(piece))
        except (ChannelError, IOException) as error:
            raise ConnectionClosedError(str(error)) from error
        self._broken = False

    async def _receive_some(self) -> None:
        buffer = self._channel.receive_buffer()
        data = await self._conn.read(min(len(buffer), _READ_BYTES))
        buffer[: len(data)] = data
        self._channel.received(len(data))
