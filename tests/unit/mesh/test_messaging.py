"""Messages over a real link: large payloads in several records, and what is no message."""

import os
from typing import Annotated, Literal

import psutil
import pytest
import trio
import trio.testing
from pydantic import Field, TypeAdapter

from strata.mesh import Codec, Message, ProtocolError, Wire
from tests.unit.mesh.test_links import Server

pytestmark = pytest.mark.anyio


class Note(Message):
    type: Literal["note"] = "note"
    number: Annotated[int, Field(ge=0, lt=100)]


CODEC: Codec[Note] = Codec(TypeAdapter(Note), 256, 12 << 20)


async def echo(link) -> None:
    wire = Wire(link, CODEC)
    while True:
        message, payload = await wire.receive()
        await wire.send(Note(number=message.number + 1), payload)


@pytest.mark.parametrize("size", [0, 1, 4 << 20, (9 << 20) + 5])
async def test_a_payload_of_any_size_arrives_whole(size: int):
    async with Server(echo) as server:
        wire = Wire(await server.dial(), CODEC)
        data = os.urandom(size)
        await wire.send(Note(number=1), data)
        message, payload = await wire.receive()
        assert (message, bytes(payload)) == (Note(number=2), data)
        await wire.aclose()


@pytest.mark.parametrize("record", [b"", b"\xff" * 12, CODEC.encode(Note(number=1), 5) + b"longer than said"])
async def test_what_is_no_message_is_refused(record: bytes):
    async def talk(link) -> None:
        await link.send(record)
        await link.receive()

    async with Server(talk) as server:
        wire = Wire(await server.dial(), CODEC)
        with pytest.raises(ProtocolError):
            await wire.receive()
        await wire.aclose()


@pytest.mark.parametrize("rest", [b"", b"too many bytes"])
async def test_a_payload_that_stops_short_or_goes_on_is_refused(rest: bytes):
    async def talk(link) -> None:
        await link.send(CODEC.encode(Note(number=1), 10), b"begin")
        await link.send(rest)
        await link.receive()

    async with Server(talk) as server:
        wire = Wire(await server.dial(), CODEC)
        with pytest.raises(ProtocolError, match="payload"):
            await wire.receive()
        await wire.aclose()


async def test_a_large_payload_that_is_announced_takes_no_memory_until_it_comes():
    most, announced = 64 << 20, 512 << 20
    codec: Codec[Note] = Codec(TypeAdapter(Note), 256, announced)
    said, over = trio.Event(), trio.Event()

    async def talk(link) -> None:
        await link.send(codec.encode(Note(number=1), announced), b"begin")
        said.set()
        await over.wait()

    async with Server(talk) as server, trio.open_nursery() as nursery:
        wire = Wire(await server.dial(), codec)
        before = psutil.Process().memory_info().rss
        nursery.start_soon(wire.receive)
        await said.wait()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert psutil.Process().memory_info().rss - before < most
        nursery.cancel_scope.cancel()
        over.set()
