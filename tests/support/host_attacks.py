"""What may be done to a host of libp2p, beside what `tests.support.attacks` does to any listener."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio
from libp2p.utils.varint import encode_uvarint

from strata.mesh.transport.stream import WINDOW_BYTES
from strata.mesh.transport.streams import CREDIT, DATA, END, HEADER, MAX_STREAMS, OPEN, RESET
from tests.support.attacks import (
    HTTP,
    SLOWLY,
    SOME,
    TLS_CLIENT_HELLO,
    Attack,
    connection,
    enemies,
    hello,
    in_and_out,
    repeat,
    silence,
    until_hung_up,
)
from tests.support.besieged import Besieged, key
from tests.support.raw_peer import MULTISTREAM, PING, XK, RawPeer, delimited, raw_peer

FEW = 8  # connections of a member at a time; a host keeps the newest of them
PIECE = bytes(256 << 10)
NONSENSE = delimited("/nonsense/1") * 1000


async def slow_negotiations(besieged: Besieged) -> None:
    """A byte of a negotiation now and then."""

    async def drip(stream: trio.SocketStream, number: int) -> None:
        for byte in delimited(MULTISTREAM, XK) + hello(besieged):
            await stream.send_all(bytes([byte]))
            await trio.sleep(SLOWLY)

    await repeat(besieged, SOME, drip)


async def strangers_garbage(besieged: Besieged) -> None:
    """Random bytes, other protocols, cut and changed hellos after a true negotiation."""

    async def throw(stream: trio.SocketStream, number: int) -> None:
        chance = random.Random(number)
        real = hello(besieged)
        changed = bytearray(real)
        changed[chance.randrange(len(real))] ^= 1 << chance.randrange(8)
        said = delimited(MULTISTREAM, XK)
        noise = chance.randbytes(chance.randrange(1, 5000))
        choices = [noise, TLS_CLIENT_HELLO, HTTP, b"\xff" * 20, said + noise, said + bytes(changed), said + real[:700]]
        await stream.send_all(chance.choice(choices))
        await stream.send_eof()
        await until_hung_up(stream)

    await repeat(besieged, 10, throw)


async def long_negotiations(besieged: Besieged) -> None:
    """Messages of a negotiation without end, and proposals without end."""

    async def go_on(stream: trio.SocketStream, number: int) -> None:
        await stream.send_all(encode_uvarint(1 << 30) if number % 2 else delimited(MULTISTREAM))
        while True:
            await stream.send_all(PIECE if number % 2 else NONSENSE)

    await repeat(besieged, 10, go_on)


@asynccontextmanager
async def enemy_peer(besieged: Besieged) -> AsyncIterator[RawPeer]:
    async with (
        connection(besieged) as stream,
        raw_peer(key("enemy"), besieged.membership, besieged.peer_id, stream) as peer,
    ):
        yield peer


async def enemy_peers(besieged: Besieged, act: Callable[[RawPeer], Awaitable[None]], times: int = FEW) -> None:
    """The member that is an enemy connects so many times at once, acts, and begins again."""
    await enemies(besieged, times, enemy_peer, act)


async def streams_without_end(besieged: Besieged) -> None:
    """As many streams as there may be, and more, that say nothing."""

    async def open_all(peer: RawPeer) -> None:
        while True:
            for _ in range(MAX_STREAMS):
                peer.streams.open()
            await peer.flush()
            await peer.receive()

    await enemy_peers(besieged, open_all)


async def opened_and_reset(besieged: Besieged) -> None:
    """Streams that are reset as soon as they are open."""

    async def flicker(peer: RawPeer) -> None:
        while True:
            for _ in range(200):
                peer.streams.abort(peer.streams.open())
                await peer.flush()
            await trio.lowlevel.checkpoint()

    await enemy_peers(besieged, flicker)


async def windows_filled(besieged: Besieged) -> None:
    """As much on each stream as may be sent, to who echoes it, and nothing read."""

    async def fill(peer: RawPeer) -> None:
        for _ in range(MAX_STREAMS):
            stream = peer.streams.open()
            peer.streams.write(stream, memoryview(delimited(MULTISTREAM, PING)))
            for _ in range(WINDOW_BYTES // len(PIECE)):
                peer.streams.write(stream, memoryview(PIECE))
                await peer.flush()
        await trio.sleep_forever()

    await enemy_peers(besieged, fill, 1)


async def frames_of_no_sense(besieged: Besieged) -> None:
    """Frames that no peer may send, and random ones."""
    opened = HEADER.pack(OPEN, 1, 0)
    whole = HEADER.pack(DATA, 1, WINDOW_BYTES) + bytes(WINDOW_BYTES)
    frames = [
        HEADER.pack(DATA, 77, 1) + b"x",
        HEADER.pack(OPEN, 2, 0),
        opened + HEADER.pack(DATA, 1, (1 << 32) - 1),
        opened + whole + whole,
        opened + HEADER.pack(CREDIT, 1, (1 << 32) - 1),
        opened + HEADER.pack(END, 1, 0) * 2,
        HEADER.pack(RESET, 5, 0),
        HEADER.pack(9, 1, 0),
    ]
    chance = random.Random(0)

    async def send(peer: RawPeer) -> None:
        await peer.link.send(chance.choice([*frames, chance.randbytes(chance.randrange(1, 1000))]))
        while True:
            await peer.link.receive()

    await enemy_peers(besieged, send)


async def proposals_without_end(besieged: Besieged) -> None:
    """Streams that propose protocols for ever, and such as are no text."""

    async def propose(peer: RawPeer) -> None:
        while True:
            stream = await peer.open(delimited(MULTISTREAM))
            peer.streams.write(stream, memoryview(NONSENSE))
            await peer.open(delimited(MULTISTREAM, b"\xff\xfe"))
            await peer.receive()

    await enemy_peers(besieged, propose)


async def pings_unread(besieged: Besieged) -> None:
    """Pings for ever, whose answers are not read."""

    async def ping(peer: RawPeer) -> None:
        stream = await peer.open(delimited(MULTISTREAM, PING))
        while True:
            peer.streams.write(stream, memoryview(PIECE))
            await peer.flush()
            await trio.sleep(SLOWLY)

    await enemy_peers(besieged, ping)


OUTSIDERS: tuple[Attack, ...] = (silence, in_and_out, slow_negotiations, strangers_garbage, long_negotiations)
MEMBERS: tuple[Attack, ...] = (
    streams_without_end,
    opened_and_reset,
    windows_filled,
    frames_of_no_sense,
    proposals_without_end,
    pings_unread,
)
