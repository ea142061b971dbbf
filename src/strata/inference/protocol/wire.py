"""Messages over a link."""

import trio

from strata.inference.protocol.messages import AnyMessage, ProtocolError, decode, encode
from strata.mesh import Link
from strata.secure import MAX_RECORD, Member

Requests = trio.MemoryReceiveChannel[tuple[AnyMessage, memoryview]]


class Wire:
    """A link that carries messages. `send` is safe to call from several tasks, `receive` from one at a time."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._lock = trio.Lock()

    @property
    def peer(self) -> Member:
        """The authenticated member at the other end."""
        return self.link.peer

    async def send(self, message: AnyMessage, payload: bytes | memoryview = b"") -> None:
        """Send one message; raises LinkClosed or ChannelError."""
        view = memoryview(payload).cast("B")
        front = encode(message, len(view))
        room = MAX_RECORD - len(front)
        async with self._lock:
            await self.link.send(front, view[:room])
            try:
                for start in range(room, len(view), MAX_RECORD):
                    await self.link.send(view[start : start + MAX_RECORD])
            except trio.Cancelled:
                # Half a message cannot be taken back.
                with trio.CancelScope(shield=True):
                    await self.link.aclose()
                raise

    async def receive(self) -> tuple[AnyMessage, memoryview]:
        """The next message; raises LinkClosed, ChannelError, or ProtocolError, after which the link is of no use."""
        message, piece, length = decode(await self.link.receive())
        if len(piece) == length:
            return message, piece
        payload, filled = bytearray(length), 0
        while True:
            if filled + len(piece) > length:
                raise ProtocolError(f"a payload of {length} bytes went on for longer")
            payload[filled : filled + len(piece)] = piece
            filled += len(piece)
            if filled == length:
                return message, memoryview(payload)
            if not len(piece):
                raise ProtocolError("a payload stopped short")
            piece = await self.link.receive()

    async def aclose(self) -> None:
        """Close the link."""
        await self.link.aclose()
