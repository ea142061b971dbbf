"""The uplink of a process, on a clock that jumps: the rate is kept to, and no class is starved."""

from collections import Counter

import pytest
import trio
import trio.testing

from strata.mesh import Kind, Link, Roster
from strata.mesh.bandwidth import BURST_BYTES
from strata.mesh.uplink import Uplink, own_uplink
from strata.secure import Channel, ReplayCache
from tests.support.channels import ALICE, BOB, MESH

RATE = 2 << 20
PIECE = 64 << 10


def run(test) -> None:
    """With a clock that stands still unless all wait for it."""
    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0))


async def saturate(uplink: Uplink, kind: Kind, sent: Counter[Kind]) -> None:
    while True:
        await uplink.turn(kind, PIECE)
        sent[kind] += PIECE


def test_one_class_alone_has_the_whole_rate() -> None:
    async def test() -> None:
        uplink, sent = Uplink(RATE), Counter()
        with trio.move_on_after(10):
            await saturate(uplink, Kind.SHARDS, sent)
        assert 10 * RATE <= sent[Kind.SHARDS] <= 10 * RATE + BURST_BYTES

    run(test)


def test_many_links_together_keep_to_the_rate_and_share_it() -> None:
    async def test() -> None:
        uplink, sent = Uplink(RATE), Counter()
        with trio.move_on_after(10):
            async with trio.open_nursery() as nursery:
                for kind in (Kind.ACTIVATIONS, Kind.SHARDS, Kind.SHARDS, Kind.SHARDS):
                    nursery.start_soon(saturate, uplink, kind, sent)
        assert 10 * RATE - PIECE <= sent.total() <= 10 * RATE + BURST_BYTES
        assert sent[Kind.ACTIVATIONS] / sent[Kind.SHARDS] == pytest.approx(4, rel=0.05)

    run(test)


def test_control_never_waits() -> None:
    async def test() -> None:
        uplink = Uplink(RATE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(saturate, uplink, Kind.SHARDS, Counter())
            for _ in range(100):
                await trio.sleep(0.01)
                began = trio.current_time()
                await uplink.turn(Kind.CONTROL, 100)
                assert trio.current_time() == began
            nursery.cancel_scope.cancel()

    run(test)


def test_who_gives_up_holds_up_nobody() -> None:
    async def test() -> None:
        uplink, sent = Uplink(RATE), Counter()
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(saturate, uplink, Kind.GOSSIP, Counter())
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
        with trio.move_on_after(10):
            await saturate(uplink, Kind.SHARDS, sent)
        assert sent[Kind.SHARDS] >= 10 * RATE - PIECE

    run(test)


def test_the_setting_makes_the_uplink_of_the_process(monkeypatch) -> None:
    own_uplink.cache_clear()
    try:
        assert own_uplink() is None
        own_uplink.cache_clear()
        monkeypatch.setenv("STRATA_UPLINK_BYTES_PER_SECOND", "1e6")
        assert isinstance(own_uplink(), Uplink)
        assert own_uplink() is own_uplink()
    finally:
        own_uplink.cache_clear()


async def link_pair(uplink: Uplink) -> tuple[Link, Link]:
    """Two ends of a link over real sockets; this end's uplink is bounded."""
    here, there = trio.socket.socketpair()
    roster = Roster(MESH)
    near = Link(here, Channel.initiator(ALICE, MESH, BOB.peer_id), roster, uplink=uplink)
    far = Link(there, Channel.responder(BOB, lambda: MESH, ReplayCache()), roster)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.establish)
        nursery.start_soon(far.establish)
    return near, far


def test_on_links_control_passes_a_shard_that_takes_long() -> None:
    """Real sockets; the order is what is asserted, and that the shard was not done."""

    async def test() -> None:
        uplink, size = Uplink(RATE), 4 << 20
        shards, at_shards = await link_pair(uplink)
        control, at_control = await link_pair(uplink)
        shards.kind, control.kind = Kind.SHARDS, Kind.CONTROL
        came = []

        async def transfer() -> None:
            for _ in range(3):
                await shards.send(bytes(size))

        async def take(link: Link, name: str, count: int) -> None:
            for _ in range(count):
                await link.receive()
                came.append(name)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(transfer)
            nursery.start_soon(take, at_shards, "shard", 3)
            nursery.start_soon(take, at_control, "control", 50)
            for _ in range(50):
                await trio.testing.wait_all_tasks_blocked()  # the shard waits for its turn
                await control.send(b"urgent")
        assert came == ["control"] * 50 + ["shard"] * 3

    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0.01))


def test_a_record_that_was_not_begun_can_be_given_up() -> None:
    async def test() -> None:
        uplink = Uplink(RATE)
        near, far = await link_pair(uplink)
        await uplink.turn(Kind.ACTIVATIONS, BURST_BYTES)
        with trio.move_on_after(0.01):
            await near.send(bytes(100_000))
        await near.send(b"as before")
        assert await far.receive() == b"as before"

    trio.run(test, clock=trio.testing.MockClock(autojump_threshold=0.01))
