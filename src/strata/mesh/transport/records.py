"""Records over a stream of libp2p: what a link is to a socket.

    u32 length | the record

big-endian. The peer is authenticated by the connection that the stream is part of; a length beyond `MAX_RECORD` ends
the stream before anything is kept of it.
"""

import struct
from contextlib import suppress

import trio
from cryptography.utils import Buffer
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.network.stream.exceptions import StreamEOF

from strata.mesh.bandwidth import Kind
from strata.mesh.links import LinkClosed
from strata.mesh.roster import Roster
from strata.mesh.transport.muxed_stream import MuxedStream
from strata.secure import MAX_RECORD, Member, NotAMember, ProtocolViolation, RecordTooLarge, Truncated

CLOSE_SECONDS = 1.0
_LENGTH = struct.Struct(">I")
_READ_BYTES = 64 << 10


class StreamConnection:
    """A `strata.mesh.Connection` over one stream.

    `send` is safe to call from several tasks, `receive` from one at a time. `bytes_sent` and `bytes_received` count the
    records with their lengths: what the connection adds is shared by its streams.
    """

    def __init__(self, stream: INetStream, roster: Roster, peer: Member) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self._stream = stream
        self._roster = roster
        self._peer = peer
        self._lock = trio.Lock()
        self._inbox = bytearray()
        self._ending: Exception | None = None
        self._reading = trio.CancelScope()

    @property
    def peer(self) -> Member:
        """The authenticated member at the other end, as the current membership has it."""
        with suppress(NotAMember):  # then its connection is about to be closed
            self._peer = self._roster.membership.member(self._peer.peer_id)
        return self._peer

    @property
    def kind(self) -> Kind:
        """The class of what is sent; streams of libp2p's own muxers have none, and go as activations do."""
        muxed = self._stream.muxed_stream
        return muxed.kind if isinstance(muxed, MuxedStream) else Kind.ACTIVATIONS

    @kind.setter
    def kind(self, kind: Kind) -> None:
        if isinstance(muxed := self._stream.muxed_stream, MuxedStream):
            muxed.kind = kind

    async def send(self, *buffers: Buffer) -> None:
        """Send one record made of the joined buffers; at most `MAX_RECORD` bytes.

        Raises RecordTooLarge, LinkClosed, ChannelError. When it is cancelled midway the stream is over, because half a
        record cannot be taken back.
        """
        views = [memoryview(each).cast("B") for each in buffers]
        if (length := sum(map(len, views))) > MAX_RECORD:
            raise RecordTooLarge(f"a record has at most {MAX_RECORD} bytes, not {length}")
        async with self._lock:
            self._check()
            await trio.lowlevel.checkpoint_if_cancelled()
            try:
                await self._stream.write(b"".join((_LENGTH.pack(length), *views)))
                self.bytes_sent += _LENGTH.size + length
            except BaseLibp2pError as error:
                raise await self._break(_broken(error)) from None
            except BaseException:
                await self._break(LinkClosed("a send was interrupted, which ends the stream"))
                raise

    async def receive(self) -> memoryview:
        """The next record; it belongs to the caller.

        Raises LinkClosed at the clean end, ChannelError at any other. Can be cancelled without losing anything.
        """
        self._check()
        await trio.lowlevel.checkpoint_if_cancelled()
        with trio.CancelScope() as self._reading:
            try:
                await self._fill(_LENGTH.size)
                end = _end_of_record(self._inbox)
                await self._fill(end)
            except StreamEOF:
                whole = not self._inbox
                closed = LinkClosed(f"{self.peer.name} closed the stream")
                raise await self._break(closed if whole else Truncated("the stream ended within a record")) from None
            except BaseLibp2pError as error:
                raise await self._break(_broken(error)) from None
            except ProtocolViolation as error:
                raise await self._break(error) from None
            record = memoryview(self._inbox[_LENGTH.size : end])
            del self._inbox[:end]
            self.bytes_received += end
            return record
        self._check()  # closed on this side meanwhile
        raise AssertionError("nobody else cancels a read")

    async def aclose(self) -> None:
        """Send what was written, tell the peer, and close; twice is fine.

        A peer that does not end its side within `CLOSE_SECONDS` loses what it still sends.
        """
        if self._ending is not None:
            return
        ended = False
        try:
            with trio.move_on_after(CLOSE_SECONDS):
                async with self._lock:
                    self._end(LinkClosed("the stream was closed on this side"))
                    await self._stream.close_write()
                while await self._stream.read(_READ_BYTES):
                    pass
                ended = True
        except StreamEOF:
            ended = True
        except BaseLibp2pError:
            pass  # the peer has gone already
        finally:
            self._end(LinkClosed("the stream was closed on this side"))
            with trio.CancelScope(shield=True):
                await (self._stream.close() if ended else self._stream.reset())

    async def _fill(self, count: int) -> None:
        while (missing := count - len(self._inbox)) > 0:
            if not (piece := await self._stream.read(max(missing, _READ_BYTES))):
                raise StreamEOF  # as some muxers say it
            self._inbox += piece

    def _check(self) -> None:
        if self._ending is not None:
            raise self._ending
        self._roster.membership.member(self._peer.peer_id)  # revoked a moment ago: its connection is about to be closed

    def _end(self, reason: Exception) -> Exception:
        """The first reason is the one that counts."""
        if self._ending is None:
            self._ending = reason
            self._reading.cancel()
        return self._ending

    async def _break(self, reason: Exception) -> Exception:
        ending = self._end(reason)
        with trio.CancelScope(shield=True):
            await self._stream.reset()
        return ending


def _end_of_record(data: bytearray) -> int:
    """Where the record ends that `data` begins with; raises ProtocolViolation."""
    (length,) = _LENGTH.unpack_from(data)
    if length > MAX_RECORD:
        raise ProtocolViolation(f"the peer announced a record of {length} bytes; the limit is {MAX_RECORD}")
    return _LENGTH.size + int(length)


def _broken(error: Exception) -> Truncated:
    return Truncated(f"the stream broke: {error or type(error).__name__}")
