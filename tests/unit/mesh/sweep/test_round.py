"""Whole rounds over real sockets: found, mended, verified, taken back."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from strata.mesh.agent import Agent, GetStatus, Status, ask, reached
from strata.mesh.agent.messages import Echoes, Probed
from strata.mesh.members import Timing
from strata.mesh.network import Device, Network, Pair, Peer, Quality
from strata.mesh.services import AGENT
from strata.mesh.sweep import (
    TOPOLOGY,
    Change,
    Coordinator,
    Kept,
    NotACoordinator,
    Topology,
    change_for,
    is_weak,
    look,
    mended_sentences,
    plan_probes,
    sweep_and_mend,
    troubles,
    write_down,
)
from strata.secure import ChannelError
from strata.store import IncidentLog
from tests.support.agents import COORDINATOR, Agents, agents_of, identity_of


def coordinator_of(agents: Agents, transport=None) -> Coordinator:
    return Coordinator(COORDINATOR, agents.roster.membership, transport=transport)


@dataclass(frozen=True)
class Proposed:
    """As `LinkChanges`."""

    add: tuple[Pair, ...]
    drop: tuple[Pair, ...]
    survives: int = 0


def proposing(*changes: Change) -> Topology:
    """In turn these; weak spots as they are."""
    turns = iter(changes)

    def propose(network: Network, survive: int) -> Proposed:
        change = next(turns)
        return Proposed(change.add, change.drop)

    return Topology(TOPOLOGY.diagnose, propose)


async def linked(agents: Agents, *links: tuple[str, str]) -> None:
    applied = await coordinator_of(agents).apply(Change(add=links))
    assert not applied.failed


@pytest.mark.anyio
async def test_a_mesh_without_links_gets_them_and_bears_a_loss_then():
    async with agents_of(5) as agents:
        mended, kept = await sweep_and_mend(coordinator_of(agents), Kept(), TOPOLOGY)
        assert [len(sweep.weak.components) for sweep in mended.sweeps] == [5, 1]
        assert mended.sweeps[-1].weak.vertex_connectivity >= 2
        assert mended.judgement.verdict == "keep"
        assert set(mended.applied.change.add) == set(mended.sweeps[-1].network.links)
        assert kept.sweeps == 2
        again, _ = await sweep_and_mend(coordinator_of(agents), kept, TOPOLOGY)
        assert (again.applied, len(again.sweeps)) == (None, 1)


@pytest.mark.anyio
async def test_the_loss_of_members_is_found_and_mended():
    async with agents_of(6) as agents:
        ring = [(name, other) for name, other in zip(agents.names, agents.names[1:], strict=False)]
        await linked(agents, *ring, (agents.names[0], agents.names[-1]))
        for name in ("m01", "m04"):
            await agents.kill(name)
        mended, _ = await sweep_and_mend(coordinator_of(agents), Kept(), TOPOLOGY)
        first, last = mended.sweeps
        assert first.discovery.dead == ("m01", "m04")
        assert [set(part) for part in first.weak.components] == [{"m00", "m05"}, {"m02", "m03"}]
        assert first.reach == pytest.approx(4 / 12)
        assert last.reach == 1
        assert last.weak.vertex_connectivity == 2


@pytest.mark.anyio
async def test_a_mesh_that_is_strong_enough_is_left_alone():
    async with agents_of(3) as agents:
        await linked(agents, ("m00", "m01"), ("m01", "m02"), ("m00", "m02"))
        sweep, _ = await look(coordinator_of(agents), Kept(), TOPOLOGY)
        assert not change_for(sweep, proposing(Change(drop=(("m00", "m01"),))))


@pytest.mark.parametrize(
    ("links", "survive", "weak"),
    [("", 1, True), ("ab", 1, False), ("ab bc", 1, True), ("ab bc ac", 1, False), ("ab bc ac", 5, False)],
)
def test_a_mesh_is_weak_where_it_bears_less_than_its_size_allows(links: str, survive: int, weak: bool):
    pairs = [tuple(each) for each in links.split()]
    names = sorted({name for ends in pairs for name in ends} or "ab")
    network = Network({name: Peer(name) for name in names}, dict.fromkeys(pairs, Quality(0.01)))
    assert is_weak(TOPOLOGY.diagnose(network), network, survive) is weak


@pytest.mark.anyio
async def test_switched_off_it_only_looks():
    async with agents_of(3) as agents:
        mended, _ = await sweep_and_mend(coordinator_of(agents), Kept(), TOPOLOGY, mend=False)
        assert len(mended.sweeps) == 1
        assert (await coordinator_of(agents).discover()).links == {}


@pytest.mark.anyio
async def test_a_change_that_cuts_the_mesh_is_taken_back_and_not_tried_again(tmp_path: Path):
    async with agents_of(4) as agents:
        chain = [("m00", "m01"), ("m01", "m02"), ("m02", "m03")]
        await linked(agents, *chain)
        bad = Change(add=(("m00", "m02"),), drop=(("m02", "m03"),))
        mended, kept = await sweep_and_mend(coordinator_of(agents), Kept(), proposing(bad))
        assert mended.judgement.verdict == "revert"
        assert mended.reverted.change == bad.undone
        sweep, kept = await look(coordinator_of(agents), kept, TOPOLOGY)
        assert set(sweep.network.links) == set(chain)
        assert ("m00", "m02") not in sweep.network.possible
        assert ("m00", "m03") in sweep.network.possible
        with IncidentLog(f"sqlite:///{tmp_path}/ledger.sqlite") as log:
            write_down(log, mended, kept.sweeps, "mesh")
            (back,) = [each for each in log.recent("mesh") if each.kind == "change taken back"]
        assert "linked m00 - m02; unlinked m02 - m03: the mesh is better connected without it" in back.detail


@pytest.mark.anyio
@pytest.mark.parametrize(("earlier", "told"), [(0, []), (5, [("mesh in parts", "resolved")])])
async def test_that_a_new_mesh_has_no_links_is_no_trouble(tmp_path: Path, earlier: int, told: list):
    async with agents_of(4) as agents:
        mended, kept = await sweep_and_mend(coordinator_of(agents), Kept(sweeps=earlier), TOPOLOGY)
        assert len(mended.sweeps[0].weak.components) == 4
        with IncidentLog(f"sqlite:///{tmp_path}/ledger.sqlite") as log:
            write_down(log, mended, kept.sweeps, "mesh")
            assert [(each.kind, each.state) for each in log.recent("mesh")] == told


class Dying(Coordinator):
    """Dies before it makes a change, or as soon as it has made one."""

    def __init__(self, *given, late: bool) -> None:
        super().__init__(*given)
        self._late = late

    async def apply(self, change: Change):
        if self._late:
            await super().apply(change)
        raise SystemExit


async def left_by_a_dead_coordinator(agents: Agents, change: Change, *, late: bool) -> Kept:
    """What was written down last; the links were slow before, so that no busy machine makes the change look bad."""
    written: list[Kept] = []
    dying = Dying(COORDINATOR, agents.roster.membership, late=late)
    with pytest.raises(SystemExit):
        await sweep_and_mend(dying, Kept(), proposing(change), write=written.append)
    (kept,) = written
    before = replace(kept.pending.before, links=dict.fromkeys(kept.pending.before.links, Quality(1.0)))
    return replace(kept, pending=replace(kept.pending, before=before))


@pytest.mark.anyio
@pytest.mark.parametrize("late", [False, True])
async def test_a_good_change_of_a_coordinator_that_died_is_kept_by_the_next_sweep(late):
    async with agents_of(4) as agents:
        await linked(agents, ("m00", "m01"), ("m01", "m02"), ("m02", "m03"))
        good = Change(add=(("m00", "m03"),))
        kept = await left_by_a_dead_coordinator(agents, good, late=late)
        mended, kept = await sweep_and_mend(coordinator_of(agents), kept, proposing())
        assert (mended.judgement.verdict, mended.reverted, len(mended.sweeps)) == ("keep", None, 1)
        assert mended_sentences(mended)[1] == "left unjudged by an earlier sweep: linked m00 - m03"
        assert (kept.pending, kept.held_back) == (None, frozenset())
        assert (("m00", "m03") in mended.sweeps[0].network.links) is late


@pytest.mark.anyio
async def test_a_bad_change_of_a_coordinator_that_died_is_taken_back_by_the_next_sweep():
    async with agents_of(4) as agents:
        chain = [("m00", "m01"), ("m01", "m02"), ("m02", "m03")]
        await linked(agents, *chain)
        bad = Change(add=(("m00", "m02"),), drop=(("m02", "m03"),))
        kept = await left_by_a_dead_coordinator(agents, bad, late=True)
        only, same = await sweep_and_mend(coordinator_of(agents), kept, proposing(), mend=False)
        assert (only.applied, same.pending) == (None, kept.pending)
        mended, kept = await sweep_and_mend(coordinator_of(agents), kept, proposing())
        assert (mended.judgement.verdict, mended.reverted.change) == ("revert", bad.undone)
        assert (kept.pending, kept.held_back) == (None, {("m00", "m02")})
        sweep, _ = await look(coordinator_of(agents), kept, TOPOLOGY)
        assert set(sweep.network.links) == set(chain)


@pytest.mark.anyio
async def test_a_change_that_was_judged_is_not_judged_again():
    async with agents_of(3) as agents:
        _, kept = await sweep_and_mend(coordinator_of(agents), Kept(), TOPOLOGY)
        assert kept.pending is None


@pytest.mark.anyio
async def test_a_change_of_which_nothing_could_be_done_is_not_judged():
    async with agents_of(["a", "b", "c"], most_links=1) as agents:
        await linked(agents, ("a", "b"))
        mended, kept = await sweep_and_mend(coordinator_of(agents), Kept(), proposing(Change(add=(("a", "c"),))))
        assert (len(mended.sweeps), mended.judgement, mended.reverted, kept.sweeps) == (1, None, None, 1)
        assert mended_sentences(mended)[1].startswith("a - c could not be changed: ")


@pytest.mark.anyio
async def test_what_one_end_cannot_dial_the_other_one_does():
    async with agents_of(["a", "b"]) as agents:
        nowhere = agents.roster.membership.with_member(identity_of("b").card, "b", ())
        agents.rosters["a"].update(nowhere.seal(COORDINATOR))  # a does not know where b is
        await linked(agents, ("a", "b"))
        states = (await coordinator_of(agents).discover()).states
        assert (list(states["a"].neighbours), list(states["b"].neighbours)) == (["b"], ["a"])
        # And both are told to drop, since it is b that would dial again.
        await coordinator_of(agents).apply(Change(drop=(("a", "b"),)))
        async with reached(agents.transport, agents.ids["b"]) as wire:
            status = await ask(wire, GetStatus(), Status, seconds=5)
        assert (status.told, status.neighbours) == ((), ())


class Counting:
    """The coordinator's transport, which counts the connections that one member has at most at a time."""

    def __init__(self, inner) -> None:
        self._inner = inner
        self._open: Counter[str] = Counter()
        self.most = 0
        self.opened = inner.opened

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT):
        self._open[peer_id] += 1
        self.most = max(self.most, self._open[peer_id])
        link = await self._inner.dial(peer_id, timeout, service)
        closing = link.aclose

        async def aclose() -> None:
            self._open[peer_id] -= 1
            await closing()

        link.aclose = aclose
        return link


@pytest.mark.anyio
async def test_one_member_can_be_told_of_many():
    async with agents_of(25) as agents:
        hub, *others = agents.names
        links = tuple((hub, other) for other in others)
        counting = Counting(agents.transport)
        for change in (Change(add=links), Change(drop=links)):
            applied = await coordinator_of(agents, counting).apply(change)
            assert (applied.change, applied.failed) == (change, {})
        assert 1 < counting.most <= 4


@pytest.mark.anyio
async def test_many_silent_members_are_asked_of_few_others():
    async with agents_of(70, seconds=120) as agents:
        for name in agents.names[2:]:
            await agents.kill(name)
        discovery = await coordinator_of(agents).discover()
        assert len(discovery.dead) == 68


@pytest.mark.anyio
async def test_what_neither_end_can_do_is_told():
    async with agents_of(["a", "b", "c"], most_links=1) as agents:
        await linked(agents, ("a", "b"))
        applied = await coordinator_of(agents).apply(Change(add=(("a", "c"),)))
        assert applied.change == Change()
        assert "1 neighbours and bears no more" in applied.failed["a", "c"]


class Deaf:
    """The coordinator's transport, over which some cannot be reached."""

    def __init__(self, inner, *deaf: str) -> None:
        self._inner, self._deaf = inner, deaf
        self.opened = inner.opened

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT):
        if peer_id in self._deaf:
            raise ChannelError("no way there")
        return await self._inner.dial(peer_id, timeout, service)


@pytest.mark.anyio
async def test_a_member_that_only_others_reach_is_alive():
    async with agents_of(["a", "b", "c", "d"]) as agents:
        await linked(agents, ("a", "b"), ("a", "c"), ("b", "d"))
        await agents.kill("d")
        deaf = coordinator_of(agents, Deaf(agents.transport, agents.ids["c"], agents.ids["d"]))
        sweep, _ = await look(deaf, Kept(), TOPOLOGY)
        assert sweep.discovery.seen_by == {"c": ("a", "b"), "d": ()}
        assert sweep.discovery.dead == ("d",)
        assert set(sweep.network.links) == {("a", "b"), ("a", "c")}
        kinds = {(each.kind, each.subject) for each in troubles(sweep)}
        assert ("dead member", "d") in kinds
        assert ("member not reachable from the coordinator", "c") in kinds


@pytest.mark.anyio
async def test_agents_are_given_the_membership_that_the_coordinator_has():
    async with agents_of(["a", "b"]) as agents:
        newer = agents.roster.membership.with_member(identity_of("x").card, "x", (), ("coordinator",))
        coordinator = Coordinator(COORDINATOR, newer, newer.seal(COORDINATOR), agents.transport)
        await coordinator.discover()
        assert {roster.membership.version for roster in agents.rosters.values()} == {newer.version}


@pytest.mark.anyio
async def test_another_version_and_what_is_held_are_told():
    async with agents_of(["a", "b", "c"]) as agents:
        await agents.kill("c")
        agents.versions["c"] = "2"
        agents.expiring["b"] = {"key": time.time() + 3600}
        await agents.start("c", device=Device.MOBILE)
        sweep, _ = await look(coordinator_of(agents), Kept(), TOPOLOGY)
        assert sweep.network.peers["c"].device is Device.MOBILE
        told = {each.kind: each for each in troubles(sweep)}
        assert (told["other version"].subject, told["other version"].detail) == ("c", "it runs 2, most run 1")
        assert (told["near expiry"].subject, told["near expiry"].detail) == ("b", "key runs out in 1 h")


@pytest.mark.anyio
async def test_only_a_coordinator_sweeps():
    async with agents_of(["a"]) as agents:
        with pytest.raises(NotACoordinator, match="a is not a coordinator"):
            Coordinator(identity_of("a"), agents.roster.membership)


@pytest.mark.anyio
async def test_probes_follow_the_plan():
    async with agents_of(6) as agents:
        coordinator = coordinator_of(agents)
        planned = plan_probes(coordinator.members, [], 3, fan_out=2)
        probes = await coordinator.probe(planned)
        assert set(probes) == {tuple(sorted((one, other))) for one, others in planned.items() for other in others}
        assert all(quality.loss == 0 and quality.bytes_per_second < 1e11 for quality in probes.values())


@pytest.mark.anyio
async def test_what_an_agent_tells_is_taken_for_the_peer_it_names(monkeypatch):
    async def told(_agent, order):
        answers = [Echoes(peer=peer, rtts=(seconds,)) for peer, seconds in zip(order.peers, (0.1, 0.2), strict=True)]
        return Probed(results=(Echoes(peer="nobody asked", rtts=(0.3,)), *reversed(answers)))

    monkeypatch.setattr(Agent, "_probe", told)
    async with agents_of(["a", "b", "c"]) as agents:
        probes = await coordinator_of(agents).probe({"a": ("b", "c")})
        assert {ends: quality.rtt_seconds for ends, quality in probes.items()} == {("a", "b"): 0.1, ("a", "c"): 0.2}


@pytest.mark.anyio
async def test_fifty_members_are_swept_in_less_than_ten_seconds_of_a_processor():
    """Theirs too, for they live in this process; `tests/benchmarks/sweep.py` goes by the clock on the wall.

    Their failure detectors take their time: fifty in one busy thread would take each other for dead.
    """
    async with agents_of(50, seconds=120, timing=Timing(probe_interval=10, probe_timeout=5)) as agents:
        await linked(agents, *((name, other) for name, other in zip(agents.names, agents.names[1:], strict=False)))
        start = time.process_time()
        sweep, _ = await look(coordinator_of(agents), Kept(), TOPOLOGY)
        assert time.process_time() - start < 10
        assert len(sweep.network.links) == 49
        assert set(sweep.network.links) <= set(sweep.probes)
        assert len(sweep.probes) > 200
        assert change_for(sweep, TOPOLOGY)
