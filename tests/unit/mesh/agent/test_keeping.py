"""Whom links are kept to, how often one is dialled again, and peers that fall silent. Time is simulated here."""

import math
from collections import deque
from pathlib import Path

import pytest
import trio
import trio.testing

from strata.mesh.agent.book import BadBook, NeighbourBook
from strata.mesh.agent.keeping import (
    AWAY_REDIAL_SECONDS,
    LONGEST_REDIAL_SECONDS,
    SILENCE_SECONDS,
    keep,
    redial_after,
)
from strata.mesh.agent.links import Links
from strata.mesh.agent.messages import CODEC, Done, Keep, Ping, Pong, Wire
from strata.mesh.agent.presence import HEARTBEAT_SECONDS, Presence
from strata.mesh.agent.probing import probe
from strata.mesh.connect import Unreachable
from strata.mesh.links import LinkClosed
from tests.support.channels import MESH

PEER = MESH.members[1]


class Far:
    """The far end of a link, in memory: it answers so many messages, so many seconds late, then breaks or is silent."""

    def __init__(self, answers: float = math.inf, seconds: float = 0.25, *, breaks: bool = False) -> None:
        self.peer = PEER
        self._answers, self._seconds, self._breaks = answers, seconds, breaks
        self._sent: deque[tuple[float, bytes]] = deque()  # with when it arrives
        self.closed = False

    async def send(self, *buffers) -> None:
        message, _, _ = CODEC.decode(memoryview(b"".join(bytes(each) for each in buffers)))
        if self._answers > 0:
            self._answers -= 1
            reply = Pong(number=message.number) if isinstance(message, Ping) else Done()
            assert isinstance(message, Ping | Keep)
            self._sent.append((trio.current_time() + self._seconds, CODEC.encode(reply)))

    async def receive(self) -> memoryview:
        while not self._sent or self._sent[0][0] > trio.current_time():
            if self.closed or (self._breaks and not self._answers):
                raise LinkClosed("closed")
            await trio.sleep(0.01)
        return memoryview(self._sent.popleft()[1])

    async def aclose(self) -> None:
        self.closed = True


class Fars:
    """A transport to these, one after another; None: nobody is there."""

    def __init__(self, *ends: Far | None) -> None:
        self.ends = list(ends)
        self.dialled: list[float] = []

    async def dial(self, peer_id: str, timeout: float) -> Far:
        self.dialled.append(trio.current_time())
        if (end := self.ends.pop(0) if self.ends else None) is None:
            raise Unreachable("nobody there")
        return end


def after(seconds: float, function, *arguments) -> None:
    """Run it for so many simulated seconds."""

    async def main() -> None:
        with trio.move_on_after(seconds):
            await function(*arguments)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_who_is_not_there_is_dialled_less_and_less_often():
    transport = Fars()
    after(600, keep, transport, Links(5), Presence(), PEER.peer_id)
    gaps = [later - earlier for earlier, later in zip(transport.dialled, transport.dialled[1:], strict=False)]
    assert gaps[:3] == pytest.approx([0.5, 1, 2])
    assert gaps[-1] == pytest.approx(LONGEST_REDIAL_SECONDS)
    assert gaps == sorted(gaps)
    assert redial_after(10**6) == LONGEST_REDIAL_SECONDS


def test_who_is_held_dead_is_dialled_seldom_and_at_once_when_it_is_back():
    transport, presence = Fars(None, None, None, Far()), Presence()
    start: list[float] = []

    async def watch() -> None:
        start.append(trio.current_time())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep, transport, Links(5), presence, PEER.peer_id)
            await trio.sleep(0.1)
            presence.note(PEER.peer_id, away=True)
            await trio.sleep(200)
            presence.note("somebody else", away=False)
            await trio.sleep(20)
            presence.note(PEER.peer_id, away=False)
            await trio.sleep(30)

    after(300, watch)
    assert [each - start[0] for each in transport.dialled] == pytest.approx(
        [0, 0.5, 0.5 + AWAY_REDIAL_SECONDS, 220.1], abs=0.01
    )


def test_a_peer_that_falls_silent_is_dialled_anew():
    first, second = Far(answers=3), Far()
    transport, links = Fars(first, second), Links(5)
    up: list[bool] = []

    async def watch() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep, transport, links, Presence(), PEER.peer_id)
            while True:
                await trio.sleep(1)
                up.append(links.is_up(PEER.peer_id))

    after(60, watch)
    assert first.closed
    # Keep, two pings, and then a third that nobody answers.
    assert transport.dialled[1] == pytest.approx(3 * 0.25 + 2 * HEARTBEAT_SECONDS + SILENCE_SECONDS + 0.5, abs=0.1)
    assert (up.count(False), up[0], up[-1]) == (1, True, True)
    assert len(transport.dialled) == 2


def test_after_a_link_was_up_it_is_dialled_soon_again():
    transport = Fars(None, None, Far(answers=2), Far())
    after(60, keep, transport, Links(5), Presence(), PEER.peer_id)
    assert len(transport.dialled) == 4
    # Keep, one ping, and then one that nobody answers.
    up = 2 * 0.25 + HEARTBEAT_SECONDS + SILENCE_SECONDS
    assert transport.dialled[3] - transport.dialled[2] == pytest.approx(up + 0.5, abs=0.1)


def test_the_end_of_a_link_is_noticed_at_once():
    transport = Fars(Far(answers=2, seconds=0, breaks=True), Far())
    after(60, keep, transport, Links(5), Presence(), PEER.peer_id)
    assert transport.dialled[1] - transport.dialled[0] == pytest.approx(0.5, abs=0.1)


def test_the_round_trip_of_a_kept_link_is_the_shortest_of_late():
    links = Links(5)
    found = []

    async def watch() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep, Fars(Far()), links, Presence(), PEER.peer_id)
            await trio.sleep(20)
            found.extend(links.neighbours())

    after(30, watch)
    assert [(each.peer, each.rtt_seconds) for each in found] == [(PEER.peer_id, pytest.approx(0.25, abs=0.02))]


def test_a_peer_that_falls_silent_while_it_is_probed_has_lost_the_rest():
    found = []

    async def ask() -> None:
        found.append(await probe(Fars(Far(answers=2)), PEER.peer_id, 5, 1000))

    after(60, ask)
    assert found[0].rtts == (pytest.approx(0.25, abs=0.02), pytest.approx(0.25, abs=0.02), None, None, None)
    assert found[0].sample_seconds is None


def test_what_was_not_asked_before_a_link_broke_is_lost_too():
    found = []

    async def ask() -> None:
        found.append(await probe(Fars(Far(answers=2, seconds=0, breaks=True)), PEER.peer_id, 5, 0))

    after(60, ask)
    assert found[0].rtts[2:] == (None, None, None)
    assert "closed" in found[0].reason


def test_a_sample_takes_what_it_takes_beside_a_round_trip():
    found = []

    async def ask() -> None:
        found.append(await probe(Fars(Far()), PEER.peer_id, 3, 1000))

    after(60, ask)
    assert found[0].sample_seconds == pytest.approx(0.125, abs=0.02)


def test_of_the_latest_round_trips_the_shortest_counts_and_of_two_links_the_older():
    found = []

    async def hold() -> None:
        links = Links(5)
        with links.holding(Wire(Far())) as live:
            live.rtts.extend([0.3, 0.1, 0.2])
            await trio.sleep(2)
            with links.holding(Wire(Far())):
                await trio.sleep(1)
                found.extend(links.neighbours())

    after(60, hold)
    assert [(each.rtt_seconds, each.seconds) for each in found] == [(0.1, pytest.approx(3, abs=0.01))]


def test_a_late_answer_is_a_lost_ping_and_no_answer_to_the_next():
    found = []

    async def ask() -> None:
        found.append(await probe(Fars(Far(seconds=1.5)), PEER.peer_id, 2, 0))

    after(60, ask)
    assert found[0].rtts == (None, None)


def test_a_book_is_read_as_it_was_written(tmp_path: Path):
    path = tmp_path / "neighbours"
    book = NeighbourBook("mesh", path)
    for peer in ("x", "y", "x"):
        book.add(peer)
    book.remove("nobody")
    assert NeighbourBook("mesh", path).peers == ("x", "y")
    book.remove("x")
    assert NeighbourBook("mesh", path).peers == ("y",)
    assert NeighbourBook("another mesh", path).peers == ()


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version":2,"mesh":"mesh","neighbours":[]}', '{"version":1,"neighbours":[1]}']
)
def test_what_is_no_book_is_told(tmp_path: Path, text: str):
    (tmp_path / "neighbours").write_text(text)
    with pytest.raises(BadBook, match="remove it"):
        NeighbourBook("mesh", tmp_path / "neighbours")
