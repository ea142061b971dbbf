"""What is sent over anything that has streams: counted, echoed, or timed at the other end."""

import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio

SIZE = 1 << 10  # of a message
BLOCK = bytes(64 << 10)
KINDS = ("count", "echo", "stamp")
_TIME = struct.Struct(">q")


class Stream(Protocol):
    """What a libp2p stream has; `b""` is the end."""

    async def read(self, most: int) -> bytes: ...
    async def write(self, data: bytes) -> None: ...
    async def close_write(self) -> None: ...
    async def close(self) -> None: ...


class Plain:
    """A trio stream that looks so."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.read, self.write = stream.receive_some, stream.send_all
        self.close_write, self.close = stream.send_eof, stream.aclose


class Net:
    """A libp2p stream, with its end said as `b""`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.write, self.close_write, self.close = stream.write, stream.close_write, stream.close

    async def read(self, most: int) -> bytes:
        try:
            return await self._stream.read(most)
        except Exception as error:
            if type(error).__name__ == "StreamEOF":
                return b""
            raise


async def answer(kind: str, stream: Stream) -> None:
    """The far end of a stream."""
    if kind == "count":
        count = 0
        while data := await stream.read(1 << 18):
            count += len(data)
        await stream.write(_TIME.pack(count))
    elif kind == "echo":
        while data := await stream.read(SIZE):
            await stream.write(data)
    else:
        gathered, delays = bytearray(), []
        while data := await stream.read(1 << 16):
            now = time.monotonic_ns()
            gathered += data
            while len(gathered) >= SIZE:
                delays.append(now - _TIME.unpack_from(gathered)[0])
                del gathered[:SIZE]
        await stream.write(_TIME.pack(percentile(delays, 0.99)))
    await stream.close()


async def count(opened: Callable[[], Awaitable[Stream]], streams: int, messages: int, message: bytes) -> float:
    """Bytes a second of so many messages on each of so many streams, until all have been counted at the other end."""
    ready = [await opened() for _ in range(streams)]

    async def send(stream: Stream) -> None:
        for _ in range(messages):
            await stream.write(message)
        await stream.close_write()
        assert _TIME.unpack(await exactly(stream, _TIME.size))[0] == messages * len(message)
        await stream.close()

    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for stream in ready:
            nursery.start_soon(send, stream)
    return streams * messages * len(message) / (time.perf_counter() - began)


async def echo(stream: Stream, times: int) -> list[float]:
    """Seconds of each round trip of one message."""
    trips, message = [], bytes(SIZE)
    for _ in range(times):
        began = time.perf_counter()
        await stream.write(message)
        await exactly(stream, SIZE)
        trips.append(time.perf_counter() - began)
    await stream.close()
    return trips


async def stamp(stream: Stream, messages: int, per_second: float) -> float:
    """The 99th percentile of seconds from a message's write to its arrival, at an even rate that all can bear."""
    began = time.perf_counter()
    rest = bytes(SIZE - _TIME.size)
    for index in range(messages):
        while (early := began + index / per_second - time.perf_counter()) > 0:
            await trio.sleep(early)
        await stream.write(_TIME.pack(time.monotonic_ns()) + rest)
    await stream.close_write()
    worst = _TIME.unpack(await exactly(stream, _TIME.size))[0]
    await stream.close()
    return worst / 1e9


async def exactly(stream: Stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await stream.read(size - len(data))
        assert more, "the stream ended early"
        data += more
    return data


def percentile(values: list, share: float):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
