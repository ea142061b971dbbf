"""Agents over real sockets, and a coordinator that tells them what to do."""

import os
from pathlib import Path

import pytest
import trio
import trio.testing

from strata.mesh import Direct
from strata.mesh.agent import (
    Dial,
    Done,
    Drop,
    GetStatus,
    Probe,
    Probed,
    RequestRefused,
    Status,
    Update,
    Wire,
    ask,
    reached,
)
from strata.mesh.agent.agent import CONNECTIONS_OF_ONE
from strata.mesh.agent.messages import Keep, Ping, Pong
from strata.mesh.links import LinkClosed
from strata.mesh.messaging import ProtocolError
from strata.secure import ChannelError
from tests.support.agents import COORDINATOR, Agents, agents_of, identity_of

pytestmark = pytest.mark.anyio

ENDED = (LinkClosed, ChannelError)


async def tell(agents: Agents, name: str, message, reply=Done):
    async with reached(agents.transport, agents.ids[name]) as wire:
        return await ask(wire, message, reply, seconds=20)


async def neighbours(agents: Agents, name: str) -> set[str]:
    status = await tell(agents, name, GetStatus(), Status)
    names = {peer_id: each for each, peer_id in agents.ids.items()}
    return {names[each.peer] for each in status.neighbours}


async def eventually(condition) -> None:
    """Until it holds: each look is a question over a link. The mesh's own deadline ends what never does."""
    while not await condition():
        await trio.lowlevel.checkpoint()


async def test_told_to_dial_both_ends_have_the_link_and_told_to_drop_neither():
    async with agents_of(["a", "b"]) as agents:
        assert await neighbours(agents, "a") == set()
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        assert (await neighbours(agents, "a"), await neighbours(agents, "b")) == ({"b"}, {"a"})
        await tell(agents, "b", Dial(peer=agents.ids["a"]))  # it is up: nothing to do
        assert (await tell(agents, "b", GetStatus(), Status)).told == ()
        await tell(agents, "a", Drop(peer=agents.ids["b"]))
        assert await neighbours(agents, "a") == set()
        await eventually(lambda: _is(agents, "b", set()))


async def _is(agents: Agents, name: str, expected: set[str]) -> bool:
    return await neighbours(agents, name) == expected


async def test_the_end_that_did_not_dial_can_drop_too():
    async with agents_of(["a", "b"]) as agents:
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        await tell(agents, "b", Drop(peer=agents.ids["a"]))
        await tell(agents, "a", Drop(peer=agents.ids["b"]))
        assert (await neighbours(agents, "a"), await neighbours(agents, "b")) == (set(), set())


async def test_told_to_drop_a_peer_that_has_dialled_it_hangs_up():
    async with agents_of(["a", "b"]) as agents:
        wire = Wire(await Direct(identity_of("b"), agents.roster).dial(agents.ids["a"], 5))
        await ask(wire, Keep(silence_seconds=20), Done, seconds=5)
        await tell(agents, "a", Drop(peer=agents.ids["b"]))
        assert await neighbours(agents, "a") == set()
        with pytest.raises(ENDED):
            await ask(wire, Ping(number=1), Pong, seconds=5)


async def test_a_probe_says_how_far_a_peer_is_and_who_is_not_there():
    async with agents_of(["a", "b", "c"]) as agents:
        await agents.kill("c")
        order = Probe(peers=(agents.ids["b"], agents.ids["c"], "nobody"), pings=5, sample_bytes=1 << 18)
        probed = await tell(agents, "a", order, Probed)
    there, dead, unknown = probed.results
    assert len(there.rtts) == 5
    assert all(rtt is not None and 0 < rtt < 1 for rtt in there.rtts)
    assert there.sample_seconds is not None
    assert 1e5 < (1 << 18) / there.sample_seconds < 1e11
    assert (dead.rtts, dead.sample_seconds) == ((), None)
    assert "cannot connect to c" in dead.reason
    assert unknown.rtts == ()
    assert "not a member" in unknown.reason


@pytest.mark.parametrize("message", [Dial(peer="x"), Drop(peer="x"), Probe(peers=("x",), pings=1, sample_bytes=0)])
async def test_only_a_coordinator_may_give_orders(message):
    async with agents_of(["a", "b"]) as agents:
        other = Direct(identity_of("b"), agents.roster)
        async with reached(other, agents.ids["a"]) as wire:
            with pytest.raises(RequestRefused, match="b is not a coordinator"):
                await ask(wire, message, Done, seconds=5)
            assert await ask(wire, Ping(number=7), Pong, seconds=5) == Pong(number=7)
        assert await neighbours(agents, "a") == set()


async def test_what_was_told_outlives_the_process(tmp_path: Path):
    async with agents_of(["a", "b"], tmp_path) as agents:
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        await agents.kill("a")
        await eventually(lambda: _is(agents, "b", set()))
        await agents.start("a")
        await eventually(lambda: _is(agents, "b", {"a"}))


async def test_a_link_comes_back_with_the_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("strata.mesh.agent.keeping.FIRST_REDIAL_SECONDS", 0.01)
    async with agents_of(["a", "b"], tmp_path) as agents:
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        await agents.kill("b")
        await eventually(lambda: _is(agents, "a", set()))
        assert (await tell(agents, "a", GetStatus(), Status)).told == (agents.ids["b"],)
        await agents.start("b")
        await eventually(lambda: _is(agents, "a", {"b"}))


async def test_who_cannot_be_reached_is_not_kept():
    async with agents_of(["a", "b"]) as agents:
        await agents.kill("b")
        with pytest.raises(RequestRefused) as refused:
            await tell(agents, "a", Dial(peer=agents.ids["b"]))
        assert refused.value.code == "unreachable"
        with pytest.raises(RequestRefused, match="not a member"):
            await tell(agents, "a", Dial(peer="nobody"))
        assert (await tell(agents, "a", GetStatus(), Status)).told == ()


async def test_who_is_revoked_is_not_dialled_any_more():
    async with agents_of(["a", "b"]) as agents:
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        sealed = agents.roster.membership.without(agents.ids["b"]).seal(COORDINATOR)
        for _ in range(2):  # the second time it is not newer, and is ignored
            async with reached(agents.transport, agents.ids["a"]) as wire:
                await ask(wire, Update(), Done, sealed, seconds=5)
        status = await tell(agents, "a", GetStatus(), Status)
        assert (status.told, status.neighbours) == ((), ())
        assert status.membership == agents.roster.membership.version + 1


async def test_nobody_has_more_neighbours_than_it_bears():
    async with agents_of(["a", "b", "c"], most_links=1) as agents:
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        for full, other in (("a", "c"), ("c", "a")):  # as the one that dials, and as the one that is dialled
            with pytest.raises(RequestRefused, match="1 neighbours and bears no more") as refused:
                await tell(agents, full, Dial(peer=agents.ids[other]))
            assert refused.value.code == "full"


async def test_a_bad_peer_costs_its_own_connection_only():
    async with agents_of(["a", "b"]) as agents:
        await tell(agents, "a", Dial(peer=agents.ids["b"]))
        for junk in (b"", os.urandom(100), b"\xff" * 12, bytes(4 << 20)):
            link = await agents.transport.dial(agents.ids["a"], 5)
            await link.send(junk)
            with pytest.raises(ENDED):
                await link.receive()
        wire = Wire(await agents.transport.dial(agents.ids["a"], 5))
        await wire.send(Done())
        with pytest.raises(ENDED):
            await wire.receive()
        assert await neighbours(agents, "a") == {"b"}


async def test_one_peer_has_so_many_connections_and_no_more():
    async with agents_of(["a"]) as agents:
        wires = [Wire(await agents.transport.dial(agents.ids["a"], 5)) for _ in range(CONNECTIONS_OF_ONE)]
        for wire in wires:
            await ask(wire, Ping(number=0), Pong, seconds=5)
        more = Wire(await agents.transport.dial(agents.ids["a"], 5))
        with pytest.raises(ENDED):
            await ask(more, Ping(number=0), Pong, seconds=5)
        await wires.pop().aclose()
        await eventually(lambda: _answers(agents))


async def _answers(agents: Agents) -> bool:
    try:
        return await tell(agents, "a", Ping(number=1), Pong) == Pong(number=1)
    except ENDED:
        return False


async def test_asked_twice_to_keep_a_link_it_is_one():
    async with agents_of(["a", "b"]) as agents:
        async with reached(Direct(identity_of("b"), agents.roster), agents.ids["a"]) as wire:
            for _ in range(2):
                await ask(wire, Keep(silence_seconds=20), Done, seconds=5)
            assert await neighbours(agents, "a") == {"b"}
        await eventually(lambda: _is(agents, "a", set()))


async def test_a_wrong_answer_is_told_from_a_right_one():
    async with agents_of(["a"]) as agents:
        with pytest.raises(ProtocolError, match="answered a 'ping' request with 'pong'"):
            await tell(agents, "a", Ping(number=1), Status)
