"""A member that speaks to a host of libp2p by hand, as far as it wants to: bytes, records, frames of the muxer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from strata.mesh import Link, Roster
from strata.mesh.transport.stream import Stream
from strata.mesh.transport.streams import Streams
from strata.secure import Channel, EchInitiator, Identity, Membership

MULTISTREAM, XK, MUX, PING = "/multistream/1.0.0", "/strata/xk/1", "/strata/mux/1", "/ipfs/ping/1.0.0"


def delimited(*texts: str | bytes) -> bytes:
    """Messages of multistream-select, each of less than 128 bytes."""
    lines = [text.encode() + b"\n" if isinstance(text, str) else text + b"\n" for text in texts]
    return b"".join(len(line).to_bytes(1, "big") + line for line in lines)


async def negotiated(stream: trio.SocketStream, protocol: str) -> None:
    """Agree on a protocol over plain TCP."""
    said = delimited(MULTISTREAM, protocol)
    await stream.send_all(said)
    answer = b""
    while len(answer) < len(said):
        piece = await stream.receive_some(len(said) - len(answer))
        if not piece:
            raise trio.BrokenResourceError("hung up")
        answer += piece
    assert answer == said


class RawPeer:
    """A connection that is muxed: `link` takes frames as records, `streams` makes them."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.streams = Streams(initiator=True)

    async def flush(self) -> None:
        """Send the frames that there are."""
        while self.streams.has_output:
            await self.link.send(self.streams.batch())

    async def receive(self) -> None:
        """Take a record's worth of frames."""
        self.streams.received(await self.link.receive())

    async def exactly(self, stream: Stream, count: int) -> bytes:
        """So many bytes of a stream, or as many as come before it is over."""
        data = b""
        while len(data) < count:
            data += self.streams.take(stream, count - len(data))
            if len(data) < count:
                if stream.ended or stream.reset:
                    break
                await self.flush()
                await self.receive()
        return data

    async def open(self, said: bytes) -> Stream:
        """A stream that begins with these bytes."""
        stream = self.streams.open()
        self.streams.write(stream, memoryview(said))
        await self.flush()
        return stream

    async def pings(self) -> bool:
        """Whether a ping is answered, on a stream of its own."""
        said = delimited(MULTISTREAM, PING) + bytes(32)
        stream = await self.open(said)
        answered = await self.exactly(stream, len(said)) == said
        self.streams.finish(stream)
        await self.flush()
        return answered


@asynccontextmanager
async def raw_peer(
    identity: Identity, membership: Membership, peer_id: str, stream: trio.SocketStream
) -> AsyncIterator[RawPeer]:
    """A muxed connection of a member over a fresh TCP one."""
    await negotiated(stream, XK)
    link = Link(stream.socket, Channel(EchInitiator(identity, membership, peer_id)), Roster(membership))
    await link.establish()
    said, answer = delimited(MULTISTREAM, MUX), b""
    await link.send(said)
    while len(answer) < len(said):
        answer += await link.receive()
    try:
        yield RawPeer(link)
    finally:
        await link.aclose()
