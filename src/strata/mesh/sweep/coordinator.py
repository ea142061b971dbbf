"""The hands of a sweep: asks agents how they are, has them probe, and tells them to dial and drop."""

import random
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import trio

from strata.errors import StrataError
from strata.mesh.agent import (
    LINK_ERRORS,
    MAX_TARGETS,
    Dial,
    Done,
    Drop,
    Either,
    GetStatus,
    Probe,
    Probed,
    RequestRefused,
    Status,
    Update,
    ask,
    probing_seconds,
    reached,
    why,
)
from strata.mesh.network import Pair, Quality, pair
from strata.mesh.port import Transport, by_flag
from strata.mesh.process import open_roster
from strata.mesh.roster import Roster
from strata.mesh.sweep.decide import Change
from strata.mesh.sweep.found import Discovery, MemberState, quality_of
from strata.mesh.sweep.plan import Assignment
from strata.rollout import Draw, Measured, Trial
from strata.secure import Identity, Member, Membership, read_sealed

T = TypeVar("T")

PINGS = 5
SAMPLE_BYTES = 1 << 18
AT_ONCE = 32  # agents that are spoken with
ORDERS_AT_ONCE = 4  # to the same one
WITNESSES = 3  # who are asked about a silent member, as SWIM does (Das, Gupta and Motivala, 2002)
STATUS_SECONDS = 5.0
PROBED_SECONDS = 2.0  # beside what probing takes
CHANGE_SECONDS = 15.0


class NotACoordinator(StrataError):
    """The identity may not tell agents of this mesh what to do."""


@dataclass(frozen=True)
class Applied:
    """What of a change was carried out; failed: why a pair was not."""

    change: Change
    failed: Mapping[Pair, str]


class Coordinator:
    """Speaks with the agents of one mesh. Raises NotACoordinator.

    sealed: the membership as its owner signed it, which agents that have an older one are given. roster: of that
    membership, for who keeps one. trial: which of its connections are enhanced; without one, LIBP2P_PERFORMANCE_OPT
    says so of all.
    """

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        sealed: bytes = b"",
        transport: Transport | None = None,
        roster: Roster | None = None,
        *,
        trial: Trial | None = None,
    ) -> None:
        own = membership.member(identity.peer_id)
        if "coordinator" not in own.roles:
            raise NotACoordinator(f"{own.name} is not a coordinator of this mesh; `strata mesh invite` gives the role")
        self.membership = membership
        self._sealed = sealed
        self._roster = roster or Roster(membership)
        self._trial = trial
        self._draws: dict[str, Draw] = {}
        self._transport = transport or Either(identity, self._roster, enhanced=self._is_enhanced)
        self._members = {member.name: member for member in membership.members if "node" in member.roles}
        self._names = {member.peer_id: name for name, member in self._members.items()}

    @classmethod
    def of_files(cls, identity: Identity, mesh: Path, home: Path, trial: Trial | None = None) -> "Coordinator":
        """Of the mesh in this membership file; home: where what it learns of members is kept, as `open_roster` says.

        Raises MembershipError, NotAMember, NotACoordinator, IdentityError.
        """
        membership, sealed = read_sealed(mesh)
        return cls(identity, membership, sealed, roster=open_roster(membership, home), trial=trial)

    @property
    def members(self) -> tuple[str, ...]:
        """Names of all who should be there."""
        return tuple(sorted(self._members))

    async def discover(self, seed: int = 0) -> Discovery:
        """Ask everybody how they are, and of who does not answer, ask some others whether they see it."""
        at = time.time()
        states: dict[str, MemberState] = {}
        silent: dict[str, str] = {}
        took: dict[str, float] = {}
        if self._trial is not None:
            unit = f"{self.membership.mesh_id} {at}"  # a member gets it in some sweeps, and in others not
            differing = [each for each in self._members.values() if each.multiaddrs]  # to others there is but one way
            self._draws = {each.peer_id: self._trial.draw(f"{unit} {each.name}") for each in differing}

        async def one(member: Member) -> None:
            began = trio.current_time()
            try:
                states[member.name] = await self._state(member)
                took[member.peer_id] = trio.current_time() - began
            except (*LINK_ERRORS, StrataError) as error:
                silent[member.name] = why(error)

        async with self._transport.opened():
            await _each(one, list(self._members.values()))
            await trio.to_thread.run_sync(self._roster.known.save)
            found = Discovery(at, self.members, dict(sorted(states.items())), dict(sorted(silent.items())))
            seen_by = await self._witnesses(found, random.Random(seed))  # noqa: S311 - no secret
            return replace(found, seen_by=seen_by, measured=self._measured(took))

    async def probe(
        self, assignment: Assignment, *, pings: int = PINGS, sample_bytes: int = SAMPLE_BYTES
    ) -> dict[Pair, Quality | None]:
        """Have each prober probe its peers, all at the same time; who does not answer has probed nobody."""
        found: dict[Pair, Quality | None] = {}

        async def one(order: tuple[str, tuple[str, ...]]) -> None:
            prober, names = order
            asked = {self._members[name].peer_id: name for name in names}
            patience = probing_seconds(len(asked)) + PROBED_SECONDS  # a prober that is stopped holds up no sweep
            message = Probe(peers=tuple(asked), pings=pings, sample_bytes=sample_bytes)
            try:
                async with reached(self._transport, self._members[prober].peer_id) as wire:
                    probed = await ask(wire, message, Probed, seconds=patience)
            except (*LINK_ERRORS, RequestRefused):
                return
            for echoes in probed.results:
                if (name := asked.get(echoes.peer)) is not None:  # what was not asked is not believed
                    found[pair(prober, name)] = quality_of(echoes.rtts, sample_bytes, echoes.sample_seconds)

        orders = [(prober, part) for prober in assignment for part in _batched(assignment[prober], MAX_TARGETS)]
        async with self._transport.opened():
            await _each(one, orders)
        return dict(sorted(found.items()))

    async def apply(self, change: Change) -> Applied:
        """Have agents dial what is added, one end or else the other, and then both ends drop what is dropped."""
        failed: dict[Pair, str] = {}

        turns = {name: trio.CapacityLimiter(ORDERS_AT_ONCE) for name in self._members}

        async def tell(name: str, message: Dial | Drop) -> None:
            async with turns[name], reached(self._transport, self._members[name].peer_id) as wire:
                await ask(wire, message, Done, seconds=CHANGE_SECONDS)

        async def add(ends: Pair) -> None:
            for one, other in (ends, ends[::-1]):
                try:
                    await tell(one, Dial(peer=self._members[other].peer_id))
                except (*LINK_ERRORS, RequestRefused) as error:
                    failed[ends] = why(error)
                else:
                    failed.pop(ends, None)
                    return

        async def drop(ends: Pair) -> None:
            for one, other in (ends, ends[::-1]):
                try:
                    await tell(one, Drop(peer=self._members[other].peer_id))
                except (*LINK_ERRORS, RequestRefused) as error:
                    failed[ends] = why(error)

        async with self._transport.opened():
            await _each(add, change.add)
            await _each(drop, change.drop)
        added, dropped = (tuple(ends for ends in part if ends not in failed) for part in (change.add, change.drop))
        return Applied(Change(added, dropped), failed)

    def _is_enhanced(self, peer_id: str) -> bool:
        draw = self._draws.get(peer_id)
        return by_flag(peer_id) if draw is None else draw.enabled

    def _measured(self, took: Mapping[str, float]) -> tuple[Measured, ...]:
        """Of each peer id for which something was drawn, the seconds that it took."""
        drawn = {peer: draw for peer, draw in self._draws.items() if peer in took}
        return tuple(Measured(draw, f"{self.membership.mesh_id} {peer}", took[peer]) for peer, draw in drawn.items())

    async def _state(self, member: Member) -> MemberState:
        async with reached(self._transport, member.peer_id) as wire:
            status = await ask(wire, GetStatus(), Status, seconds=STATUS_SECONDS)
            if self._sealed and status.membership < self.membership.version:
                await ask(wire, Update(), Done, self._sealed, seconds=STATUS_SECONDS)
        return MemberState(
            name=member.name,
            version=status.version,
            device=status.device,
            most_links=status.most_links,
            neighbours=dict(sorted(self._named(status))),
            expiring={each.what: each.at for each in status.expiring},
            held={
                self._names[each.peer]: (each.state, each.seconds) for each in status.held if each.peer in self._names
            },
        )

    def _named(self, status: Status) -> Iterator[tuple[str, float | None]]:
        """Neighbours that this membership has a name for."""
        for each in status.neighbours:
            if (name := self._names.get(each.peer)) is not None:
                yield name, each.rtt_seconds

    async def _witnesses(self, found: Discovery, chance: random.Random) -> dict[str, tuple[str, ...]]:
        able = list(found.states)
        asked = {name: chance.sample(able, min(WITNESSES, len(able))) for name in found.silent}
        orders = {each: tuple(name for name in asked if each in asked[name]) for each in able}
        probes = await self.probe(orders, pings=1, sample_bytes=0)
        return {
            name: tuple(sorted(each for each in witnesses if probes.get(pair(each, name)) is not None))
            for name, witnesses in asked.items()
        }


def _batched(names: tuple[str, ...], most: int) -> Iterator[tuple[str, ...]]:
    """In parts of so many."""
    return (names[start : start + most] for start in range(0, len(names), most))


async def _each(do: Callable[[T], Awaitable[None]], items: Iterable[T]) -> None:
    """Do it with all of them, so many at the same time."""
    limit = trio.CapacityLimiter(AT_ONCE)

    async def one(item: T) -> None:
        async with limit:
            await do(item)

    async with trio.open_nursery() as nursery:
        for item in items:
            nursery.start_soon(one, item)
