"""What may be done to a listener of direct links, by outsiders and by a member: each goes on until it is cancelled.

Everything random follows a seed. An attack fails only where it could not be made.
"""

import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TypeVar

import trio

from strata.mesh import Link, LinkClosed, Roster
from strata.secure import Channel, ChannelError, EchInitiator
from tests.support.besieged import HOST, Besieged, key

MANY = 300  # connections at a time
SOME = 100
SLOWLY = 0.02  # seconds between bytes
PAUSE = 0.5  # before a member that was hung up on comes again: a handshake costs it as much as the listener
ELSEWHERE = "127.0.0.2"  # than the members that are served
HUGE = (1 << 32) - 1
RECORD = 4 << 20
TLS_CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(193))
HTTP = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: " + b"a" * 4000 + b"\r\n\r\n"
BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)

Attack = Callable[[Besieged], Awaitable[None]]
C = TypeVar("C")


@asynccontextmanager
async def connection(besieged: Besieged) -> AsyncIterator[trio.SocketStream]:
    """A TCP connection, which is counted."""
    async with await trio.open_tcp_stream(HOST, besieged.port, local_address=ELSEWHERE) as stream:
        besieged.attacked += 1
        yield stream


async def repeat(
    besieged: Besieged,
    times: int,
    act: Callable[[trio.SocketStream, int], Awaitable[None]],
) -> None:
    """So many at once make a connection, act, and begin again."""

    async def one(number: int) -> None:
        while True:
            with suppress(*BROKEN):
                async with connection(besieged) as stream:
                    await act(stream, number)
            await trio.lowlevel.checkpoint()
            number += times

    async with trio.open_nursery() as nursery:
        for number in range(times):
            nursery.start_soon(one, number)


async def until_hung_up(stream: trio.SocketStream) -> None:
    """Take what comes until the other side closes."""
    async for _ in stream:
        pass


def hello(besieged: Besieged, who: str = "enemy") -> bytes:
    """A real first message, under GREASE."""
    identity = key(who)
    return Channel(EchInitiator(identity, besieged.membership, besieged.peer_id)).outgoing()


async def silence(besieged: Besieged) -> None:
    """Connections that say nothing."""
    await repeat(besieged, MANY, lambda stream, _: until_hung_up(stream))


async def in_and_out(besieged: Besieged) -> None:
    """Connections that end at once, half of them with a reset."""

    async def leave(stream: trio.SocketStream, number: int) -> None:
        if number % 2:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    await repeat(besieged, 20, leave)


async def slow_hellos(besieged: Besieged) -> None:
    """Real hellos, a byte now and then."""
    data = hello(besieged)

    async def drip(stream: trio.SocketStream, number: int) -> None:
        for at in range(len(data)):
            await stream.send_all(data[at : at + 1])
            await trio.sleep(SLOWLY)

    await repeat(besieged, SOME, drip)


async def garbage(besieged: Besieged) -> None:
    """Random bytes, other protocols, headers of this one with nonsense behind, cut and changed hellos."""
    real = hello(besieged)

    def data(chance: random.Random) -> bytes:
        match chance.randrange(7):
            case 0:
                return chance.randbytes(chance.randrange(1, 5000))
            case 1:
                return TLS_CLIENT_HELLO
            case 2:
                return HTTP
            case 3:
                return real[: chance.randrange(len(real))]
            case 4:
                return real[:9] + chance.randbytes(len(real) - 9)
            case 5:
                return real  # the second time it is a replay
            case _:
                changed = bytearray(real)
                changed[chance.randrange(len(real))] ^= 1 << chance.randrange(8)
                return bytes(changed)

    async def throw(stream: trio.SocketStream, number: int) -> None:
        await stream.send_all(data(random.Random(number)))
        await stream.send_eof()
        await until_hung_up(stream)

    await repeat(besieged, 10, throw)


async def unfinished_handshakes(besieged: Besieged) -> None:
    """A member's hellos that are followed by nothing."""

    async def stall(stream: trio.SocketStream, number: int) -> None:
        await stream.send_all(hello(besieged))
        await until_hung_up(stream)

    await repeat(besieged, SOME, stall)


async def enemies(
    besieged: Besieged,
    times: int,
    come: Callable[[Besieged], AbstractAsyncContextManager[C]],
    act: Callable[[C], Awaitable[None]],
) -> None:
    """The member that is an enemy comes so many times at once, acts, and begins again."""

    async def one() -> None:
        while True:
            with suppress(LinkClosed, ChannelError, *BROKEN):
                async with come(besieged) as there:
                    besieged.linked += 1
                    await act(there)
            await trio.sleep(PAUSE)

    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(one)


@asynccontextmanager
async def enemy_link(besieged: Besieged) -> AsyncIterator[Link]:
    async with connection(besieged) as stream:
        handshake = EchInitiator(key("enemy"), besieged.membership, besieged.peer_id)
        link = Link(stream.socket, Channel(handshake), Roster(besieged.membership))
        await link.establish()
        yield link


async def enemy_links(besieged: Besieged, times: int, act: Callable[[Link], Awaitable[None]]) -> None:
    """It makes so many links at once and acts on each, again and again."""
    await enemies(besieged, times, enemy_link, act)


async def hoarding(besieged: Besieged) -> None:
    """As many links as there may be, and more, kept."""

    async def keep(link: Link) -> None:
        await link.receive()

    await enemy_links(besieged, SOME, keep)


def announced(link: Link, length: int, kind: int = 0) -> bytes:
    """The front of a record of so many bytes, as wire bytes."""
    writer = link._channel._writer
    assert writer is not None
    wire = memoryview(bytearray(5 + 16))
    writer._cipher.encrypt_into(struct.pack(">BI", kind, length), wire)
    return bytes(wire)


async def send_raw(link: Link, data: bytes) -> None:
    """Bytes on the wire as they are."""
    view = memoryview(data)
    while view:
        view = view[await link._socket.send(view) :]


async def slow_records(besieged: Besieged) -> None:
    """Front and middle of a large record, a byte now and then."""

    async def drip(link: Link) -> None:
        front = announced(link, RECORD)
        for at in range(len(front)):
            await send_raw(link, front[at : at + 1])
            await trio.sleep(SLOWLY)
        while True:
            await send_raw(link, b"x")
            await trio.sleep(SLOWLY)

    await enemy_links(besieged, SOME, drip)


async def half_records(besieged: Besieged) -> None:
    """The largest record announced, and no more."""

    async def begin(link: Link) -> None:
        await send_raw(link, announced(link, RECORD))
        await link.receive()

    await enemy_links(besieged, SOME, begin)


async def huge_records(besieged: Besieged) -> None:
    """Records announced that are larger than any may be, or of no known kind."""

    async def begin(link: Link) -> None:
        await send_raw(link, announced(link, *random.Random(id(link)).choice([(HUGE, 0), (RECORD + 1, 0), (1, 9)])))
        await link.receive()

    await enemy_links(besieged, 10, begin)


async def never_reading(besieged: Besieged) -> None:
    """Asks, and does not take the answers."""

    async def ask(link: Link) -> None:
        while True:
            await link.send(bytes(RECORD))

    await enemy_links(besieged, SOME, ask)


OUTSIDERS: tuple[Attack, ...] = (silence, in_and_out, slow_hellos, garbage)
MEMBERS: tuple[Attack, ...] = (
    unfinished_handshakes,
    hoarding,
    slow_records,
    half_records,
    huge_records,
    never_reading,
)
