"""What agents find out about each other, over real links."""

from pathlib import Path

import pytest
import trio

from strata.mesh import Direct
from strata.mesh.agent import Dial, Done, GetStatus, Probe, Probed, Status, Update, Wire, ask, reached, watching
from strata.mesh.agent.messages import Ping, Pong, Tell
from strata.mesh.agent.presence import HEARTBEAT_SECONDS, MOBILE_HEARTBEAT_SECONDS
from strata.mesh.agent.watching import SLEPT_SECONDS
from strata.mesh.links import LinkClosed
from strata.secure import ChannelError
from tests.support.agents import COORDINATOR, Agents, agents_of, identity_of

ENDED = (LinkClosed, ChannelError)

pytestmark = pytest.mark.anyio


async def status_of(agents: Agents, name: str) -> Status:
    async with reached(agents.transport, agents.ids[name]) as wire:
        return await ask(wire, GetStatus(), Status, seconds=20)


async def until_held(agents: Agents, by: list[str], **states: str) -> None:
    """Wait until all these hold this, and nothing else, of others; the mesh's own deadline ends what never does."""
    for name in by:
        expected = {agents.ids[other]: state for other, state in states.items() if other != name}
        while True:
            held = (await status_of(agents, name)).held
            if {each.peer: each.state for each in held} == expected:
                break
            await trio.sleep(0.05)


async def test_members_find_each_other_and_who_is_killed_is_held_dead():
    async with agents_of(["a", "b", "c", "d"]) as agents:
        await until_held(agents, ["a", "b", "c", "d"], a="alive", b="alive", c="alive", d="alive")
        await agents.kill("d")
        await until_held(agents, ["a", "b", "c"], a="alive", b="alive", c="alive", d="dead")


async def test_who_says_goodbye_has_left_and_is_taken_back():
    async with agents_of(["a", "b", "c"]) as agents:
        await until_held(agents, ["a", "b", "c"], a="alive", b="alive", c="alive")
        start = trio.current_time()
        await agents.agents["c"].leave()
        assert trio.current_time() - start < 5
        await agents.kill("c")
        await until_held(agents, ["a", "b"], a="alive", b="alive", c="left")
        await agents.start("c")
        await until_held(agents, ["a", "b", "c"], a="alive", b="alive", c="alive")


@pytest.mark.parametrize("over", ["direct", "libp2p"])
async def test_who_comes_back_at_another_address_is_dialled_there(over: str):
    async with agents_of(["a", "b", "c"], over=over) as agents:
        await until_held(agents, ["a", "b", "c"], a="alive", b="alive", c="alive")
        await agents.kill("c")
        old = agents.addresses.pop("c")
        await agents.start("c")
        assert agents.addresses["c"] != old
        moved = agents.rosters["a"].membership.member(agents.ids["c"])
        known = agents.rosters["a"].addresses
        while agents.addresses["c"] not in (*known.of(moved), *known.multiaddrs_of(moved)):
            await trio.sleep(0.05)
        transport = agents.transport_of(identity_of("a"), agents.rosters["a"])
        async with transport.opened():
            link = await transport.dial(agents.ids["c"], 5)
            assert link.peer.name == "c"
            await link.aclose()


async def test_a_revocation_spreads_to_whom_nobody_told_it(tmp_path: Path):
    async with agents_of(["a", "b", "c", "d"], tmp_path) as agents:
        await until_held(agents, ["a", "b", "c", "d"], a="alive", b="alive", c="alive", d="alive")
        async with reached(agents.transport, agents.ids["b"]) as wire:
            await ask(wire, Dial(peer=agents.ids["d"]), Done, seconds=5)
        sealed = agents.roster.membership.without(agents.ids["d"]).seal(COORDINATOR)
        async with reached(agents.transport, agents.ids["a"]) as wire:
            await ask(wire, Update(), Done, sealed, seconds=5)
        await until_held(agents, ["a", "b", "c"], a="alive", b="alive", c="alive")
        while (status := await status_of(agents, "b")).told:
            await trio.sleep(0.05)
        assert status.membership == agents.roster.membership.version + 1
        assert status.neighbours == ()
        files = [tmp_path / f"{name}.mesh" for name in "abc"]
        while not all(file.exists() and file.read_bytes() == sealed for file in files):  # it is gone by before
            await trio.sleep(0.05)


async def test_who_is_listed_without_an_address_is_watched_too():
    async with agents_of(["a", "b", "phone"], hidden=["phone"]) as agents:
        await until_held(agents, ["a", "b"], a="alive", b="alive", phone="alive")
        await agents.kill("phone")
        await until_held(agents, ["a", "b"], a="alive", b="alive", phone="dead")


async def test_garbage_costs_only_the_link_that_it_came_over():
    async with agents_of(["a", "b"]) as agents:
        await until_held(agents, ["a", "b"], a="alive", b="alive")
        for junk in (b"", b"\xff" * 100):
            wire = Wire(await Direct(identity_of("b"), agents.roster).dial(agents.ids["a"], 5))
            await wire.send(Tell(), junk)
            with pytest.raises(ENDED):
                await wire.receive()
        wire = Wire(await Direct(identity_of("b"), agents.roster).dial(agents.ids["a"], 5))
        await ask(wire, Ping(number=1), Pong, seconds=5)
        await wire.send(Tell(), b"")  # not on a link for requests
        with pytest.raises(ENDED):
            await wire.receive()
        await until_held(agents, ["a", "b"], a="alive", b="alive")


async def test_a_mobile_member_is_asked_for_no_sample_and_its_links_beat_slowly():
    async with agents_of(["a", "b", "phone"], mobile=["phone"]) as agents:
        await until_held(agents, ["a", "b", "phone"], a="alive", b="alive", phone="alive")
        for prober, other in (("a", "phone"), ("phone", "a")):
            order = Probe(peers=(agents.ids[other], agents.ids["b"]), pings=2, sample_bytes=1000)
            async with reached(agents.transport, agents.ids[prober]) as wire:
                probed = await ask(wire, order, Probed, seconds=20)
            assert [len(each.rtts) for each in probed.results] == [2, 2]
            assert [each.sample_seconds is None for each in probed.results] == [True, prober == "phone"]
        beats = [agents.agents[name]._watch.presence.heartbeat(agents.ids["phone"]) for name in ("a", "phone")]
        assert beats == [MOBILE_HEARTBEAT_SECONDS] * 2
        assert agents.agents["a"]._watch.presence.heartbeat(agents.ids["b"]) == HEARTBEAT_SECONDS


async def test_who_has_slept_makes_its_links_anew(monkeypatch: pytest.MonkeyPatch):
    async with agents_of(["a", "b"]) as agents:
        await until_held(agents, ["a", "b"], a="alive", b="alive")
        async with reached(agents.transport, agents.ids["a"]) as wire:
            await ask(wire, Dial(peer=agents.ids["b"]), Done, seconds=5)
        one, peer = agents.agents["a"], agents.ids["b"]
        kept, others = tuple(one._links._up[peer]), tuple(one._watch.datagrams._lines[peer].wires)
        slept = watching._clock() + SLEPT_SECONDS + 10
        monkeypatch.setattr(watching, "_clock", lambda: slept)
        while not _are_new(one._links._up.get(peer, ()), kept):
            await trio.sleep(0.05)
        while peer not in one._watch.datagrams._lines or not _are_new(one._watch.datagrams._lines[peer].wires, others):
            await trio.sleep(0.05)
        await until_held(agents, ["a", "b"], a="alive", b="alive")


def _are_new(links, old) -> bool:
    return bool(links) and not any(each in old for each in links)
