"""How long a node may take to answer, and being connected again to one that was away."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.protocol.messages import Done
from strata.inference.run import connections
from strata.inference.run.errors import NodeLost
from strata.inference.run.peers import BUSY_SECONDS, PROBE_SECONDS, NodeClient, Pulse, RoundTrip
from strata.mesh import AGENT, INFERENCE, Either
from tests.support.nodes import mesh_of


@given(st.lists(st.floats(0.001, 2.0), min_size=1, max_size=50))
def test_a_usual_round_trip_is_never_late(samples: list[float]) -> None:
    trips = RoundTrip()
    for seconds in samples:
        trips.note(seconds)
    assert min(samples) <= trips.timeout
    assert trips.mean is not None
    assert min(samples) * 0.999 <= trips.mean <= max(samples) * 1.001


def test_nothing_is_known_before_the_first() -> None:
    assert RoundTrip().timeout == 0.0


def test_steady_trips_leave_little_room_and_unsteady_ones_much() -> None:
    steady, unsteady = RoundTrip(), RoundTrip()
    for number in range(60):
        steady.note(0.01)
        unsteady.note(0.1 if number % 5 == 0 else 0.01)
    assert steady.timeout == pytest.approx(0.01, rel=0.01)
    assert unsteady.timeout > 0.1


@pytest.mark.anyio
async def test_a_node_that_was_away_is_connected_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "RECONNECT_SECONDS", 0.05)
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        assert coordinator.nodes == ("a", "b")
        await next(client for client in coordinator._connections.clients if client.name == "b").aclose()
        with trio.fail_after(10):
            while coordinator.nodes != ("a",):
                await trio.testing.wait_all_tasks_blocked()
            while coordinator.nodes != ("a", "b"):
                await trio.testing.wait_all_tasks_blocked()


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Peers that take connections, and say nothing, from when they are in here on."""
    peers: set[str] = set()
    dial = Either.dial

    async def dialled(self, peer_id, timeout, service=AGENT):
        if service == INFERENCE and peer_id in peers:
            await trio.sleep_forever()
        return await dial(self, peer_id, timeout, service)

    monkeypatch.setattr(Either, "dial", dialled)
    return peers


@pytest.mark.anyio
async def test_a_silent_node_keeps_no_other_from_being_connected_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: set[str]
) -> None:
    monkeypatch.setattr(connections, "RECONNECT_SECONDS", 0.05)
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        _, second, third = coordinator._connections.clients
        silent.add(second.peer_id)
        await second.aclose()
        with trio.fail_after(10):
            while not coordinator._connections._dialing["b"].locked():
                await trio.testing.wait_all_tasks_blocked()
            await third.aclose()
            while third in coordinator._connections.clients or coordinator.nodes != ("a", "c"):
                await trio.testing.wait_all_tasks_blocked()


@pytest.mark.anyio
async def test_who_is_wanted_now_is_asked_again_however_lately_they_did_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, silent: set[str]
) -> None:
    for name in ("RECONNECT_SECONDS", "RECONNECT_LONGEST"):
        monkeypatch.setattr(connections, name, 60.0)
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        links = coordinator._connections
        silent.add(links.clients[1].peer_id)
        for client in links.clients:
            await client.aclose()
        with trio.fail_after(10):
            while links.clients:
                await trio.testing.wait_all_tasks_blocked()
            await links.reconnect(0.2)
        assert coordinator.nodes == ("a", "c")
        silent.clear()
        await links.reconnect(10)
        assert coordinator.nodes == ("a", "b", "c")


@pytest.mark.anyio
async def test_a_ping_that_this_process_had_no_time_to_send_is_sent_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        client = coordinator._connections.clients[0]
        send, held_up = client.send, [True]

        async def late(message, payload=b"") -> None:
            if held_up and held_up.pop():
                await trio.sleep_forever()
            await send(message, payload)

        monkeypatch.setattr(client, "send", late)
        await client._probe(0.4)
        assert client.lost is None


@pytest.mark.anyio
async def test_what_a_node_still_says_when_it_was_given_up_is_dropped() -> None:
    given_up, heard = trio.Event(), []

    async def receive() -> tuple[Done, bytes]:
        await given_up.wait()
        return Done(), b""

    async def nothing(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    wire = SimpleNamespace(peer=SimpleNamespace(name="a", peer_id="a"), send=nothing, receive=receive, aclose=nothing)
    client = NodeClient(wire, lambda *_: None, heard.append)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            await trio.testing.wait_all_tasks_blocked()
            client._lose("a request to it was broken off")
            given_up.set()
    assert heard == [client]


def _probed(held_up: float, answer_after: float, others: float | None = None) -> float:
    """Probe a node that answers so late, in a process that is held up for a while; returns what it took.

    others: seconds after which another node answers a ping of the same time.
    """
    clock = trio.testing.MockClock(autojump_threshold=0)

    async def nothing(*_: object) -> None:
        await trio.lowlevel.checkpoint()

    async def run() -> float:
        wire = SimpleNamespace(peer=SimpleNamespace(name="a", peer_id="a"), send=nothing)
        pulse = Pulse()
        client = NodeClient(wire, lambda *_: None, lambda _: None, pulse)

        async def hear_others() -> None:
            if others is not None:
                await trio.sleep(others)
                pulse.note(trio.current_time(), others)

        async def disturb() -> None:
            await trio.sleep(0.01)
            clock.jump(held_up)
            await trio.sleep(answer_after)
            for answered in client._pings.values():
                answered.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(disturb)
            nursery.start_soon(hear_others)
            began = trio.current_time()
            try:
                await client.probe()
            finally:
                nursery.cancel_scope.cancel()
        return trio.current_time() - began

    return trio.run(run, clock=clock)


def test_time_that_this_process_did_not_have_is_not_the_node_s() -> None:
    assert _probed(20.0, 0.9 * PROBE_SECONDS) == pytest.approx(20.01 + 0.9 * PROBE_SECONDS)


@pytest.mark.parametrize("held_up", [0.0, 2.0])
def test_a_node_that_does_not_answer_is_lost_soon(held_up: float) -> None:
    with pytest.raises((NodeLost, ExceptionGroup)) as error:
        _probed(held_up, 60.0)
    assert error.group_contains(NodeLost) if isinstance(error.value, ExceptionGroup) else True


def test_a_node_has_more_time_when_others_take_long_to_answer_too() -> None:
    late = 2 * PROBE_SECONDS
    with pytest.raises((NodeLost, ExceptionGroup)):
        _probed(0.0, late, others=PROBE_SECONDS / 50)
    assert _probed(0.0, late, others=0.8 * PROBE_SECONDS) == pytest.approx(late + 0.01)
    with pytest.raises((NodeLost, ExceptionGroup)):
        _probed(0.0, BUSY_SECONDS + 0.1, others=0.8 * PROBE_SECONDS)
