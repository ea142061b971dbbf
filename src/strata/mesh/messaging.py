"""Messages over a link: a JSON header and a raw payload. What the headers are is each protocol's own.

On the wire:

    u32 header length | u64 payload length | header | padding to 16 bytes | payload

little-endian, in one record where it fits, the rest of a larger payload in records that follow. Lengths are bounded
before anything is allocated, and headers are validated strictly: an unknown type, an unknown field, a wrong type or a
value out of range ends the link. The peer is authenticated by the channel before a byte of this is read.
"""

import struct
from typing import Any, Generic, Protocol, TypeVar

import trio
from cryptography.utils import Buffer
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from strata.errors import StrataError
from strata.mesh.bandwidth import Kind
from strata.secure import MAX_RECORD, Member, reserve

ALIGNMENT = 16  # of the payload, so that numbers in it can be used in place

_LARGE = 32 << 20  # from here on the allocator takes fresh pages for each anyway (see mallopt(3))
_PREFIX = struct.Struct("<IQ")


class ProtocolError(StrataError):
    """A peer sent what the protocol does not allow."""


class Message(BaseModel):
    """Base of all headers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


M = TypeVar("M", bound=Message)


class Connection(Protocol):
    """What messages go over: a `Link`, or whatever else carries records between two members.

    kind: the class of what is sent, which counts where the uplink is bounded.
    """

    kind: Kind

    @property
    def peer(self) -> Member:
        """The authenticated member at the other end."""

    @property
    def bytes_sent(self) -> int:
        """How much has been sent, with what it takes to send it as far as this is known."""

    @property
    def bytes_received(self) -> int:
        """The same of what came."""

    async def send(self, *buffers: Buffer) -> None:
        """Send one record; raises LinkClosed, ChannelError."""

    async def receive(self) -> memoryview:
        """The next record; raises LinkClosed, ChannelError."""

    async def aclose(self) -> None:
        """Close it; twice is fine."""


class Codec(Generic[M]):
    """The messages of one protocol as bytes.

    headers: validates any of its messages; most_header, most_payload: bytes that a peer may announce.
    """

    def __init__(self, headers: TypeAdapter[M], most_header: int, most_payload: int) -> None:
        self._headers = headers
        self._most_header = most_header
        self._most_payload = most_payload

    def encode(self, message: M, payload_bytes: int = 0) -> bytes:
        """The front of a message: everything before its payload."""
        header = message.model_dump_json().encode()
        header += b" " * (-(_PREFIX.size + len(header)) % ALIGNMENT)
        return _PREFIX.pack(len(header), payload_bytes) + header

    def decode(self, record: memoryview) -> tuple[M, memoryview, int]:
        """Take apart a message's first record: header, the payload's bytes in this record, the payload's whole length.

        Raises ProtocolError.
        """
        if len(record) < _PREFIX.size:
            raise ProtocolError(f"a message of {len(record)} bytes is too short to be one")
        header_bytes, payload_bytes = _PREFIX.unpack_from(record)
        payload = record[_PREFIX.size + header_bytes :]
        if header_bytes > min(self._most_header, len(record) - _PREFIX.size):
            raise ProtocolError(f"a message announces a header of {header_bytes} bytes, which it does not hold")
        if not len(payload) <= payload_bytes <= self._most_payload:
            raise ProtocolError(f"a message announces a payload of {payload_bytes} bytes and holds {len(payload)}")
        try:
            message = self._headers.validate_json(bytes(record[_PREFIX.size : _PREFIX.size + header_bytes]))
        except ValidationError as error:
            raise ProtocolError(f"a message is not understood: {_first(error)}") from None
        return message, payload, payload_bytes


L_co = TypeVar("L_co", bound=Connection, covariant=True)


class Wire(Generic[M, L_co]):
    """A link that carries messages. `send` is safe to call from several tasks, `receive` from one at a time."""

    def __init__(self, link: L_co, codec: Codec[M]) -> None:
        self.link = link
        self._codec = codec
        self._lock = trio.Lock()

    @property
    def peer(self) -> Member:
        """The authenticated member at the other end."""
        return self.link.peer

    async def send(self, message: M, payload: bytes | memoryview = b"") -> None:
        """Send one message; raises LinkClosed or ChannelError."""
        view = memoryview(payload).cast("B")
        front = self._codec.encode(message, len(view))
        room = MAX_RECORD - len(front)
        async with self._lock:
            self._classify(message)
            await self.link.send(front, view[:room])
            try:
                for start in range(room, len(view), MAX_RECORD):
                    await self.link.send(view[start : start + MAX_RECORD])
            except trio.Cancelled:
                # Half a message cannot be taken back.
                with trio.CancelScope(shield=True):
                    await self.link.aclose()
                raise

    async def receive(self) -> tuple[M, memoryview]:
        """The next message; raises LinkClosed, ChannelError, or ProtocolError, after which the link is of no use."""
        message, piece, length = self._codec.decode(await self.link.receive())
        if len(piece) == length:
            return message, piece
        payload, filled = _room(length), 0
        while True:
            if filled + len(piece) > length:
                raise ProtocolError(f"a payload of {length} bytes went on for longer")
            payload[filled : filled + len(piece)] = piece
            filled += len(piece)
            if filled == length:
                return message, payload
            if not len(piece):
                raise ProtocolError("a payload stopped short")
            piece = await self.link.receive()

    def _classify(self, message: M) -> None:
        """Called before a message is sent: a protocol whose messages differ in class sets that of its link here."""

    async def aclose(self) -> None:
        """Close the link."""
        await self.link.aclose()


def _room(length: int) -> memoryview:
    """Where a payload is put together: a peer that announces a large one and sends little of it takes little memory."""
    return reserve(length) if length > _LARGE else memoryview(bytearray(length))


def _first(error: ValidationError) -> str:
    """What is wrong and where, without quoting the peer's input."""
    detail: Any = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, detail['loc']))[:100]} {detail['type']}"
