"""Datagrams over links that fail, fall silent, or are idle. Time is simulated here."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import pytest
import trio
import trio.testing

from strata.mesh.agent.datagrams import (
    DIAL_SECONDS,
    IDLE_SECONDS,
    KEPT_REDIAL_SECONDS,
    KEPT_SECONDS,
    MOST_LINES,
    REDIAL_SECONDS,
    SEND_SECONDS,
    WAITING,
    Datagrams,
)
from strata.mesh.agent.messages import CODEC, Done, Tell, Wire
from strata.mesh.connect import Unreachable
from strata.mesh.links import LinkClosed
from tests.support.channels import MESH

PEER = MESH.members[1]


class Peer(NamedTuple):
    name: str
    peer_id: str


class End:
    """A link in memory. `blocked`: it takes nothing any more."""

    def __init__(self, peer_id: str = PEER.peer_id) -> None:
        self.peer = Peer(peer_id, peer_id)
        self.sent: list[bytes] = []
        self.closed = False
        self.blocked = False
        self._to_us, self._from_far = trio.open_memory_channel[bytes](100)

    async def send(self, *buffers) -> None:
        await trio.lowlevel.checkpoint()
        if self.closed:
            raise LinkClosed("closed")
        if self.blocked:
            await trio.sleep_forever()
        _, payload, _ = CODEC.decode(memoryview(b"".join(bytes(each) for each in buffers)))
        self.sent.append(bytes(payload))

    async def receive(self) -> memoryview:
        try:
            return memoryview(await self._from_far.receive())
        except trio.EndOfChannel:
            raise LinkClosed("closed") from None

    def say(self, data: bytes, message=None) -> None:
        """Something comes from the far end."""
        self._to_us.send_nowait(CODEC.encode(message or Tell(), len(data)) + data)

    async def aclose(self) -> None:
        self.closed = True
        self._to_us.close()


class Net:
    """A transport. `silent`: peers that never answer a dial; `absent`: those that refuse it."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.absent: set[str] = set()
        self.dialled: dict[str, list[float]] = defaultdict(list)
        self.ends: dict[str, list[End]] = defaultdict(list)

    async def dial(self, peer_id: str, timeout: float, service: str = "") -> End:
        await trio.lowlevel.checkpoint()
        self.dialled[peer_id].append(trio.current_time())
        if peer_id in self.silent:
            await trio.sleep(timeout)
        if peer_id in self.absent | self.silent:
            raise Unreachable("nobody there")
        self.ends[peer_id].append(End())
        return self.ends[peer_id][-1]


def simulate(script: Callable[[Net, Datagrams], Awaitable[None]]) -> None:
    async def main() -> None:
        net = Net()
        datagrams = Datagrams(net, lambda peer: peer.startswith("mobile"))
        async with trio.open_nursery() as nursery:
            await nursery.start(datagrams.run)
            await script(net, datagrams)
            nursery.cancel_scope.cancel()
        assert all(end.closed for ends in net.ends.values() for end in ends)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_one_link_carries_them_both_ways_until_it_is_idle():
    async def script(net: Net, datagrams: Datagrams) -> None:
        datagrams.send("p", b"1")
        await datagrams.flush()
        await trio.sleep(IDLE_SECONDS - 1)
        datagrams.send("p", b"2")
        await trio.sleep(IDLE_SECONDS - 1)
        (end,) = net.ends["p"]
        end.say(b"3")
        assert await datagrams.arrivals.receive() == ("p", b"3")
        await trio.sleep(IDLE_SECONDS - 1)
        assert not end.closed
        await trio.sleep(2)
        assert end.closed
        assert end.sent == [b"1", b"2"]
        datagrams.send("p", b"4")
        await datagrams.flush()
        assert net.ends["p"][1].sent == [b"4"]

    simulate(script)


def test_a_peer_is_answered_over_the_link_that_it_made():
    async def script(net: Net, datagrams: Datagrams) -> None:
        net.absent.add(PEER.peer_id)
        end = End()
        datagrams.send(PEER.peer_id, b"lost")
        async with trio.open_nursery() as nursery:

            async def attend() -> None:
                with pytest.raises(LinkClosed):
                    await datagrams.attend(Wire(end), b"1")

            await trio.sleep(REDIAL_SECONDS / 2)
            start = trio.current_time()
            datagrams.send(PEER.peer_id, b"2")
            nursery.start_soon(attend)
            assert await datagrams.arrivals.receive() == (PEER.peer_id, b"1")
            await datagrams.flush()  # at once, although it was to be dialled later only
            assert end.sent == [b"2"]
            assert trio.current_time() == start
            assert len(net.dialled[PEER.peer_id]) == 1
            datagrams.close(PEER.peer_id)

    simulate(script)


def test_who_takes_nothing_stalls_nobody_and_gets_the_newest_later():
    async def script(net: Net, datagrams: Datagrams) -> None:
        datagrams.send("slow", b"0")
        await datagrams.flush()
        net.ends["slow"][0].blocked = True
        net.silent.add("deaf")
        start = trio.current_time()
        for number in range(20):
            for peer in ("slow", "deaf", "fine"):
                datagrams.send(peer, b"%d" % number)
            await trio.testing.wait_all_tasks_blocked()
        assert net.ends["fine"][0].sent == [b"%d" % number for number in range(20)]
        assert trio.current_time() == start
        net.silent.clear()
        await trio.sleep(SEND_SECONDS + 1)
        assert net.ends["slow"][0].closed
        for number in range(20, 40):
            datagrams.send("slow", b"%d" % number)
        await datagrams.flush()
        assert net.ends["slow"][1].sent == [b"%d" % number for number in range(40 - WAITING, 40)]

    simulate(script)


def test_what_waits_for_who_sleeps_is_kept_until_it_comes_back():
    async def script(net: Net, datagrams: Datagrams) -> None:
        net.absent |= {"mobile", "p"}
        for number in range(2 * WAITING):
            for peer in ("mobile", "p"):
                datagrams.send(peer, b"%d" % number)
            await trio.sleep(1)
        await trio.sleep(KEPT_SECONDS / 2)
        assert len(net.dialled["mobile"]) < KEPT_SECONDS / 2 / KEPT_REDIAL_SECONDS + 2 * WAITING
        end = End("mobile")
        async with trio.open_nursery() as nursery:

            async def attend() -> None:
                with pytest.raises(LinkClosed):
                    await datagrams.attend(Wire(end), b"back")

            nursery.start_soon(attend)
            await datagrams.arrivals.receive()
            await datagrams.flush()
            assert end.sent == [b"%d" % number for number in range(WAITING, 2 * WAITING)]
            datagrams.close("mobile")
        net.absent.clear()
        datagrams.send("p", b"new")
        await datagrams.flush()
        assert net.ends["p"][0].sent == [b"new"]

    simulate(script)


def test_nothing_is_kept_for_ever():
    async def script(net: Net, datagrams: Datagrams) -> None:
        net.absent.add("mobile")
        datagrams.send("mobile", b"old")
        await trio.sleep(KEPT_SECONDS + 2 * KEPT_REDIAL_SECONDS)
        net.absent.clear()
        await datagrams.flush()
        assert not net.ends["mobile"]

    simulate(script)


def test_all_links_can_be_made_anew():
    async def script(net: Net, datagrams: Datagrams) -> None:
        for _ in range(2):
            for peer in "pq":
                datagrams.send(peer, b"1")
            await datagrams.flush()
            datagrams.close_all()
        assert [len(net.ends[peer]) for peer in "pq"] == [2, 2]

    simulate(script)


def test_who_is_not_there_is_dialled_now_and_then():
    async def script(net: Net, datagrams: Datagrams) -> None:
        net.absent.add("p")
        net.silent.add("q")
        for _ in range(100):
            datagrams.send("p", b"x")
            datagrams.send("q", b"x")
            await trio.sleep(0.1)
        assert 10 <= len(net.dialled["p"]) <= 10 / REDIAL_SECONDS
        assert 2 <= len(net.dialled["q"]) <= 10 / DIAL_SECONDS

    simulate(script)


def test_the_least_recently_used_link_makes_room():
    async def script(net: Net, datagrams: Datagrams) -> None:
        peers = [f"p{number}" for number in range(MOST_LINES)]
        for peer in peers:
            datagrams.send(peer, b"1")
        await datagrams.flush()
        datagrams.send("p0", b"2")
        net.ends["p1"][0].say(b"3")
        await datagrams.arrivals.receive()
        datagrams.send("more", b"4")
        await datagrams.flush()
        await trio.testing.wait_all_tasks_blocked()
        assert [peer for peer in peers if net.ends[peer][0].closed] == ["p2"]
        assert net.ends["p0"][0].sent == [b"1", b"2"]

    simulate(script)


def test_a_link_that_broke_or_says_something_else_is_made_anew():
    async def script(net: Net, datagrams: Datagrams) -> None:
        for expected in range(1, 4):
            datagrams.send("p", b"x")
            await datagrams.flush()
            end = net.ends["p"][-1]
            assert (len(net.ends["p"]), end.sent) == (expected, [b"x"])
            if expected == 1:
                await end.aclose()
            else:
                end.say(b"", Done())
            await trio.testing.wait_all_tasks_blocked()
            assert end.closed

    simulate(script)
