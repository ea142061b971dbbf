"""The muxer over streams in memory."""

from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.io.exceptions import ConnectionClosedError
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable, MuxedStreamClosed, MuxedStreamEOF, MuxedStreamReset

from strata.mesh import Kind
from strata.mesh.bandwidth import BURST_BYTES
from strata.mesh.transport.muxer import CLOSE_SECONDS, STREAMS_PER_SECOND, Muxer
from strata.mesh.transport.sending import JOIN_SECONDS
from strata.mesh.transport.stream import MAX_OUTBOX, WINDOW_BYTES
from strata.mesh.transport.streams import DATA, HEADER, MAX_STREAMS, MESSAGE_BYTES
from strata.mesh.uplink import Uplink


class Wire:
    """A secured connection without the security; it counts what is written."""

    def __init__(self, stream: trio.StapledStream, *, is_initiator: bool) -> None:
        self.stream, self.is_initiator, self.writes = stream, is_initiator, 0

    async def read(self, n: int | None = None) -> bytes:
        try:
            return await self.stream.receive_some(n)
        except trio.ClosedResourceError as error:
            raise ConnectionClosedError("closed here") from error

    async def write(self, data: bytes) -> None:
        self.writes += 1
        try:
            await self.stream.send_all(bytes(data))
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError("closed") from error

    async def close(self) -> None:
        await self.stream.aclose()


@asynccontextmanager
async def connected(uplink: Uplink | None = None, *, joining: bool = True):
    near, far = (
        Muxer(
            Wire(stream, is_initiator=initiator),
            "peer",
            uplink=uplink if initiator else None,
            enhanced=lambda _: joining,
        )
        for stream, initiator in zip(trio.testing.memory_stream_pair(), (True, False), strict=True)
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.start)
        nursery.start_soon(far.start)
        yield near, far
        nursery.cancel_scope.cancel()


def run(test) -> None:
    """With a clock that stands still unless all wait for it."""
    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=1))


def run_at_once(test) -> None:
    """As `run`, where the clock often has to go on."""
    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0))


async def both(near: Muxer, far: Muxer):
    stream = await near.open_stream()
    return stream, await far.accept_stream()


async def exactly(stream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await stream.read(size - len(data))
    return data


def test_a_message_that_is_alone_does_not_wait() -> None:
    async def test() -> None:
        async with connected() as (near, far):
            stream, other = await both(near, far)
            began = trio.current_time()
            await stream.write(b"alone")
            assert await other.read() == b"alone"
            assert trio.current_time() == began

    run(test)


def test_many_messages_are_joined() -> None:
    async def test() -> None:
        async with connected() as (near, far):
            stream, other = await both(near, far)
            before = near.secured_conn.writes
            for _ in range(200):
                await stream.write(bytes(1024))
                await trio.lowlevel.checkpoint()
            assert await exactly(other, 200 * 1024) == bytes(200 * 1024)
            assert near.secured_conn.writes - before < 20

    run(test)


async def until_end(stream) -> bytes:
    data = b""
    try:
        while True:
            data += await stream.read()
    except MuxedStreamEOF:
        return data


async def _writes(messages: list[bytes], uplink: Uplink | None = None, *, joining: bool) -> tuple[int, bytes]:
    """How many records the messages took, which two tasks wrote in turns, and what came of the first one's."""
    async with connected(uplink, joining=joining) as (near, far):
        pairs = [await both(near, far) for _ in range(2)]
        before = near.secured_conn.writes

        async def write(stream) -> None:
            for message in messages:
                await stream.write(message)
                await trio.lowlevel.checkpoint()
            await stream.close()

        came = b""
        async with trio.open_nursery() as nursery:
            for stream, _ in pairs:
                nursery.start_soon(write, stream)
            for _, other in pairs:
                came = await until_end(other)
        return near.secured_conn.writes - before, came


@pytest.mark.parametrize("rate", [None, 64 << 20])
def test_where_nothing_is_joined_each_message_is_a_record_and_the_bytes_are_the_same(rate: int | None) -> None:
    messages = [bytes([number]) * 1024 for number in range(100)]

    async def test() -> None:
        apart, alone = await _writes(messages, rate and Uplink(rate), joining=False)
        together, joined = await _writes(messages, rate and Uplink(rate), joining=True)
        assert alone == joined == b"".join(messages)
        assert apart >= 200
        assert together < 40

    run_at_once(test)


def test_where_nothing_is_joined_a_write_has_been_sent_when_it_returns() -> None:
    async def test() -> None:
        async with connected(joining=False) as (near, far):
            stream, other = await both(near, far)
            before = near.secured_conn.writes
            await stream.write(bytes(3 * MESSAGE_BYTES))
            assert near.secured_conn.writes - before == 4  # with their headers they do not fit into three
            assert await exactly(other, 3 * MESSAGE_BYTES) == bytes(3 * MESSAGE_BYTES)
            with trio.move_on_after(1) as waiting:
                await stream.write(bytes(2 * WINDOW_BYTES))
            assert waiting.cancelled_caught, "the peer has not taken it"

    run(test)


def test_a_reader_that_stops_holds_up_its_own_stream_alone() -> None:
    async def test() -> None:
        async with connected() as (near, far), trio.open_nursery() as nursery:
            stopped, _ = await both(near, far)
            free, other = await both(near, far)
            nursery.start_soon(stopped.write, bytes(2 * WINDOW_BYTES + MAX_OUTBOX))
            for _ in range(5):
                nursery.start_soon(free.write, bytes(WINDOW_BYTES))
                assert await exactly(other, WINDOW_BYTES) == bytes(WINDOW_BYTES)
            assert len(nursery.child_tasks) == 1
            nursery.cancel_scope.cancel()

    run(test)


def test_a_peer_that_opens_streams_without_end_is_held_to_a_rate() -> None:
    async def test() -> None:
        handed_on = []

        async with connected() as (near, far), trio.open_nursery() as nursery:

            @nursery.start_soon
            async def accept() -> None:
                while True:
                    handed_on.append(await far.accept_stream())

            async def open_and_reset(count: int) -> int:
                """How many of so many are handed on at the other side."""
                handed_on.clear()
                for _ in range(count):
                    stream = await near.open_stream()
                    await trio.testing.wait_all_tasks_blocked()
                    await stream.reset()
                return len(handed_on)

            assert await open_and_reset(MAX_STREAMS + 50) == MAX_STREAMS
            await trio.sleep(1)
            assert await open_and_reset(STREAMS_PER_SECOND + 50) == STREAMS_PER_SECOND
            await trio.sleep(1)
            stream = await near.open_stream()
            await stream.write(b"as before")
            await trio.testing.wait_all_tasks_blocked()
            assert await handed_on[-1].read() == b"as before"
            nursery.cancel_scope.cancel()

    run(test)


def test_half_close_and_end_of_file() -> None:
    async def test() -> None:
        async with connected() as (near, far):
            stream, other = await both(near, far)
            async with stream:
                await stream.write(b"question")
            with pytest.raises(MuxedStreamClosed):
                await stream.write(b"more")
            assert await other.read(3) == b"que"
            assert await other.read(100) == b"stion"
            with pytest.raises(MuxedStreamEOF):
                await other.read(1)
            await other.write(b"answer")
            await other.close()
            assert await exactly(stream, 6) == b"answer"
            with pytest.raises(MuxedStreamEOF):
                await stream.read()
            assert not near._muxed
            assert not far._muxed

    run(test)


def test_a_reset_wakes_whoever_waits() -> None:
    async def test() -> None:
        async with connected() as (near, far), trio.open_nursery() as nursery:
            stream, other = await both(near, far)

            async def read(side) -> None:
                with pytest.raises(MuxedStreamReset):
                    await side.read(1)

            nursery.start_soon(read, stream)
            nursery.start_soon(read, other)
            await trio.testing.wait_all_tasks_blocked()
            await stream.reset()
            with pytest.raises(MuxedStreamReset):
                await stream.write(b"x")

    run(test)


RATE = 2 << 20


def test_where_the_uplink_is_bounded_control_passes_a_shard_between_pieces() -> None:
    async def test() -> None:
        async with connected(Uplink(RATE)) as (near, far), trio.open_nursery() as nursery:
            shard, shard_there = await both(near, far)
            control, control_there = await both(near, far)
            shard.kind, control.kind = Kind.SHARDS, Kind.CONTROL
            came = 0

            async def take() -> None:
                nonlocal came
                while True:
                    came += len(await shard_there.read())

            async def transfer() -> None:
                while True:
                    await shard.write(bytes(MAX_OUTBOX))

            nursery.start_soon(take)
            nursery.start_soon(transfer)
            began = trio.current_time()
            for _ in range(100):
                await trio.sleep(0.05)
                asked = trio.current_time()
                await control.write(b"urgent")
                assert await exactly(control_there, 6) == b"urgent"
                assert trio.current_time() - asked < 2 * JOIN_SECONDS
            assert came == pytest.approx(RATE * (trio.current_time() - began), abs=BURST_BYTES + MESSAGE_BYTES)
            nursery.cancel_scope.cancel()

    run_at_once(test)


def test_where_the_uplink_is_bounded_classes_share_it_and_nothing_is_lost() -> None:
    async def test() -> None:
        async with connected(Uplink(RATE)) as (near, far):
            pairs = {kind: await both(near, far) for kind in Kind}
            size = {Kind.CONTROL: 1000, Kind.ACTIVATIONS: 8 << 20, Kind.SHARDS: 2 << 20, Kind.GOSSIP: 100_000}
            ended = []

            async def send(kind: Kind) -> None:
                pairs[kind][0].kind = kind
                await pairs[kind][0].write(bytes(size[kind]))
                await pairs[kind][0].close()

            async def take(kind: Kind) -> None:
                assert await exactly(pairs[kind][1], size[kind]) == bytes(size[kind])
                with pytest.raises(MuxedStreamEOF):
                    await pairs[kind][1].read()
                ended.append((kind, trio.current_time()))

            began = trio.current_time()
            async with trio.open_nursery() as nursery:
                for kind in Kind:
                    nursery.start_soon(send, kind)
                    nursery.start_soon(take, kind)
            times = dict(ended)
            assert times[Kind.CONTROL] - began < 0.01
            assert times[Kind.GOSSIP] - began < 2  # alone it took 0.05 s; starved it would come last, after five
            assert trio.current_time() - began == pytest.approx(sum(size.values()) / RATE, abs=0.2)

    run_at_once(test)


@pytest.mark.parametrize("how", ["lost", "garbage", "closed"])
def test_the_end_of_the_connection_is_the_end_of_all(how) -> None:
    async def test() -> None:
        async with connected() as (near, far):
            stream, other = await both(near, far)
            if how == "closed":
                await near.close()
            elif how == "lost":
                await near.secured_conn.close()
            else:
                await near.secured_conn.write(HEADER.pack(DATA, 77, 1) + b"x")
            with pytest.raises(MuxedStreamReset):
                await other.read(1)
            with pytest.raises(MuxedConnUnavailable):
                await far.accept_stream()
            with pytest.raises(MuxedConnUnavailable):
                await far.open_stream()
            assert far.is_closed
            if how != "garbage":
                with pytest.raises(MuxedStreamReset):
                    await stream.write(b"x")

    run(test)


def test_closing_sends_what_was_written() -> None:
    async def test() -> None:
        async with connected() as (near, far):
            stream, other = await both(near, far)
            await stream.write(bytes(MAX_OUTBOX))
            await near.close()
            assert await exactly(other, MAX_OUTBOX) == bytes(MAX_OUTBOX)

    run(test)


def test_closing_does_not_wait_long_for_a_peer_that_takes_nothing() -> None:
    async def test() -> None:
        here, _there = trio.testing.lockstep_stream_pair()  # a write ends when it has been read
        near = Muxer(Wire(here, is_initiator=True), "peer")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.start)
            await near.event_started.wait()
            stream = await near.open_stream()
            await stream.write(b"x")
            began = trio.current_time()
            await near.close()
            assert trio.current_time() - began == CLOSE_SECONDS

    run(test)
