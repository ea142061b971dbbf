"""Links: encrypted connections between members, over TCP, on trio. A thin adapter of `strata.secure.Channel`."""

import trio
from cryptography.utils import Buffer

from strata.errors import StrataError
from strata.mesh.bandwidth import Kind
from strata.mesh.roster import Roster
from strata.mesh.uplink import Uplink, own_uplink
from strata.secure import (
    Channel,
    ChannelError,
    Established,
    HandshakeFailed,
    Member,
    NotAMember,
    Truncated,
)

CLOSE_SECONDS = 1.0
_PIECE_BYTES = 256 << 10  # that the channel encrypts at a time


class LinkClosed(StrataError):
    """The link has ended cleanly: the peer closed it, or this side did."""


class Link:
    """An encrypted connection to a member, made by `strata.mesh.dial` or `serve`.

    `send` is safe to call from several tasks, `receive` from one at a time. `bytes_sent` and `bytes_received` count
    encrypted bytes on the wire, the handshake's included; `received` are those that somebody has read before. `kind` is
    the class of what is sent, which counts where `uplink` bounds it (the process's own if none is given).
    """

    def __init__(
        self,
        connection: trio.socket.SocketType,
        channel: Channel,
        roster: Roster,
        *,
        received: int = 0,
        uplink: Uplink | None = None,
    ) -> None:
        self.kind = Kind.ACTIVATIONS
        self.bytes_sent = 0
        self.bytes_received = received
        self._uplink = own_uplink() if uplink is None else uplink
        self._socket = connection
        self._channel = channel
        self._roster = roster
        self._send_lock = trio.Lock()
        self._ending: Exception | None = None
        self._peer: Member | None = None

    @property
    def peer(self) -> Member:
        """The authenticated member at the other end."""
        assert self._peer is not None
        return self._peer

    @property
    def hello_opened(self) -> bool:
        """Whether it began with an ECH-style hello that was opened; else with GREASE, or with a stale one."""
        return self._channel.hello_opened

    async def establish(self) -> None:
        """Shake hands; raises ChannelError. Whatever stops it ends the connection."""
        try:
            while self._peer is None:
                event = self._channel.next_event()
                await self._send_all(self._channel.outgoing())
                if event is None:
                    await self._receive_some()
                else:
                    assert isinstance(event, Established)
                    self._peer = event.peer
        except (OSError, trio.ClosedResourceError):
            raise self._end(HandshakeFailed("the connection broke during the handshake")) from None
        except BaseException:
            self._end(LinkClosed("the handshake did not complete"))
            raise
        self._roster.watch(self._recheck)
        self._recheck()

    async def send(self, *buffers: Buffer) -> None:
        """Send one record made of the joined buffers; at most `MAX_RECORD` bytes.

        Raises RecordTooLarge, LinkClosed, ChannelError. When it is cancelled midway the link is over, because half a
        record cannot be taken back.
        """
        async with self._send_lock:
            self._check()
            # A cancellation that is due already comes now, while there is no record yet that must be sent.
            await trio.lowlevel.checkpoint_if_cancelled()
            begun = False
            try:
                if self._uplink is not None:  # before there is a record that must be sent
                    size = sum(memoryview(buffer).nbytes for buffer in buffers)
                    await self._uplink.turn(self.kind, min(size, _PIECE_BYTES))
                for view in self._channel.send(*buffers):
                    if begun and self._uplink is not None:
                        await self._uplink.turn(self.kind, len(view))
                    begun = True
                    await self._send_all(view)
            except (OSError, trio.ClosedResourceError) as error:
                raise self._end(_broken(error)) from None
            except BaseException:
                if begun:
                    self._end(LinkClosed("a send was interrupted, which ends the link"))
                raise

    async def receive(self) -> memoryview:
        """The next record; it belongs to the caller.

        Raises LinkClosed at the clean end, ChannelError at any other. Can be cancelled without losing anything.
        """
        self._check()
        try:
            while (event := self._channel.next_event()) is None:
                await self._receive_some()
        except ChannelError as error:
            raise self._end(error) from None
        except (OSError, trio.ClosedResourceError) as error:
            raise self._end(_broken(error)) from None
        if not isinstance(event, memoryview):
            raise self._end(LinkClosed(f"{self.peer.name} closed the link"))
        return event

    async def aclose(self) -> None:
        """Tell the peer and close. Closing twice is fine."""
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                async with self._send_lock:
                    if self._ending is None:
                        await self._send_all(self._channel.close())
        except (OSError, trio.ClosedResourceError):
            pass  # the peer has gone already
        finally:
            self._end(LinkClosed("the link was closed on this side"))

    async def _receive_some(self) -> None:
        count = await self._socket.recv_into(self._channel.receive_buffer())
        self.bytes_received += count
        self._channel.received(count)

    async def _send_all(self, data: Buffer) -> None:
        view = memoryview(data)
        while view:
            count = await self._socket.send(view)
            self.bytes_sent += count
            view = view[count:]

    def _recheck(self) -> None:
        """After a new membership: a peer it does not list, or lists with another key, is cut off."""
        try:
            current = self._roster.membership.member(self.peer.peer_id)
        except NotAMember as error:
            self._end(error)
            return
        if current.static_key == self.peer.static_key:
            self._peer = current
        else:
            self._end(NotAMember(f"{current.name} has another channel key now"))

    def _check(self) -> None:
        if self._ending is not None:
            raise self._ending

    def _end(self, reason: Exception) -> Exception:
        """Close the socket, which wakes whoever waits on it; the first reason is the one that counts."""
        if self._ending is None:
            self._ending = reason
            self._roster.unwatch(self._recheck)
            self._socket.close()
        return self._ending


def _broken(error: Exception) -> Truncated:
    return Truncated(f"the connection broke: {getattr(error, 'strerror', None) or error}")
