"""How long a node may take to answer, and being connected again to one that was away."""

from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.run import connections
from strata.inference.run.peers import RoundTrip
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
