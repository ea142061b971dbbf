"""A mesh of processes under a schedule of faults: swept, watched, and struck."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import trio

from strata.mesh import (
    TOPOLOGY,
    Applied,
    Change,
    Coordinator,
    Direct,
    Kept,
    Mended,
    Network,
    Pair,
    Peer,
    Quality,
    Roster,
    mended_sentences,
    pair,
    sweep_and_mend,
)
from strata.mesh.simulate import Fault
from strata.mesh.sweep.plan import sweeps_for_all
from strata.secure import Identity

from .recorded import Event
from .striking import LocalMeshApart, Striker
from .threads import in_thread
from .watching import Watcher

WHOLE_SECONDS = 120.0  # within which a mesh that nothing disturbs must be whole
_LOOK_SECONDS = 0.2
_STARTS = 3
_ANY = Quality(0.001)


class NotWhole(Exception):
    """A mesh that nothing disturbs does not hang together."""


@dataclass
class Trial:
    """What came of it, also where it was not finished. Times are seconds since the faults began.

    network: as it was then; keepers: which end keeps each link. end: until when figures are good. whole: how long after
    the last fault all was well again. starting, sweeping: what starts took, and sweeps, before the faults began.
    rounds: what sweeps took under faults until the links that they asked for were there.
    """

    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: list[tuple[int, int]] = field(default_factory=list)
    network: Network | None = None
    keepers: dict[Pair, str] = field(default_factory=dict)
    struck: int = 0
    end: float = 0.0
    whole: float | None = None
    starting: list[float] = field(default_factory=list)
    sweeping: list[float] = field(default_factory=list)
    rounds: list[float] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    reverted: int = 0
    answers: int = 0
    late: int = 0
    worst: float = 0.0


class TimedCoordinator(Coordinator):
    """Knows how long ago its sweep began when the links that it asked for are there."""

    begun = 0.0
    took: float | None = None

    async def apply(self, change: Change) -> Applied:
        """As `Coordinator.apply`."""
        applied = await super().apply(change)
        if self.took is None:
            self.took = time.monotonic() - self.begun
        return applied


class Trying:
    """Runs one trial; `trial` holds what there is of it at any time."""

    def __init__(
        self,
        mesh: LocalMeshApart,
        machines,
        faults: Sequence[Fault],
        *,
        seconds: float,
        sweep_seconds: float,
        say: Callable[[str], None],
    ) -> None:
        self.trial = Trial()
        self._mesh = mesh
        self._faults = faults
        self._seconds = seconds
        self._every = sweep_seconds
        self._say = say
        self._zero = time.monotonic()
        self._identity = Identity.load(mesh.identity_file)
        self._coordinator = TimedCoordinator.of_files(self._identity, mesh.mesh_file, mesh.mesh_file.parent)
        self._kept = Kept()
        self._ids = {node.name: node.peer_id for node in mesh.nodes}
        self._peers = {name: Peer(name) for name in sorted(self._ids)}
        self._striker = Striker(mesh, machines, self.trial.events, self._clock, seconds, say)
        transport = Direct(self._identity, Roster(self._coordinator.membership))
        self._watcher = Watcher(transport, self._ids, self.trial.events, self._clock, self._striker.is_struck)

    async def run(self) -> None:
        """Link the mesh, strike it, and wait until it is whole again."""
        trial = self.trial
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watcher.run)
                await self._prepare()
                await self._strike()
                await self._until_whole()
                trial.whole = self._clock() - self._seconds
                nursery.cancel_scope.cancel()
        finally:
            trial.end = trial.end if trial.network is None else max(0.0, min(self._clock(), self._seconds))
            trial.struck, trial.restarts = self._striker.struck, self._striker.starting
            trial.notes += self._striker.notes
            trial.answers, trial.late, trial.worst = self._watcher.answers, self._watcher.late, self._watcher.worst

    def _clock(self) -> float:
        return time.monotonic() - self._zero

    async def _prepare(self) -> None:
        """Sweep until every pair was probed and nothing is to be changed; restart some, to see how long that takes."""
        for _ in range(sweeps_for_all(len(self._ids)) + 2):
            mended = await self._sweep()
            self.trial.sweeping += [sweep.seconds for sweep in mended.sweeps]
            if mended.applied is None and self._kept.sweeps >= sweeps_for_all(len(self._ids)):
                break
        self._say(f"before the faults: {mended_sentences(mended)[0]}")
        for name in sorted(self._ids)[:_STARTS]:
            await trio.to_thread.run_sync(self._mesh.kill, name)
            await self._striker.restart(name)
        self.trial.starting += self._striker.starting
        self._striker.starting.clear()
        try:
            await self._until_whole()
        except NotWhole as error:
            self.trial.notes.append(f"before the faults, {error}")
        self.trial.network = self._network(mended.sweeps[-1].network)
        self.trial.keepers = {
            pair(name, other): name
            for name, status in self._watcher.said.items()
            for other, peer_id in self._ids.items()
            if peer_id in status.told
        }

    async def _strike(self) -> None:
        self.trial.events.clear()
        self._watcher.begin()
        self._zero = time.monotonic()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep_sweeping)
            await self._striker.strike_all(self._faults)
            await trio.sleep(max(0.0, self._seconds - self._clock()))
            nursery.cancel_scope.cancel()

    async def _keep_sweeping(self) -> None:
        number = 1
        while number * self._every < self._seconds:
            await trio.sleep(max(0.0, number * self._every - self._clock()))
            try:
                mended = await self._sweep()
            except Exception as error:
                self.trial.notes.append(f"the sweep at second {self._clock():.0f} failed: {error!r}")
                self.trial.changes.append((0, 0))
            else:
                change = mended.applied.change if mended.applied else Change()
                self.trial.changes.append((len(change.add), len(change.drop)))
                self.trial.reverted += mended.reverted is not None
                if self._coordinator.took is not None:
                    self.trial.rounds.append(self._coordinator.took)
                self._say(f"{self._clock():6.0f} s  swept    {'; '.join(mended_sentences(mended))}")
            number = max(number + 1, int(self._clock() / self._every))

    async def _sweep(self) -> Mended:
        self._coordinator.begun, self._coordinator.took = time.monotonic(), None
        mended, self._kept = await in_thread(lambda: sweep_and_mend(self._coordinator, self._kept, TOPOLOGY))
        return mended

    async def _until_whole(self) -> None:
        """Wait until everybody is linked as told, has a path to everybody, and holds everybody alive."""
        with trio.move_on_after(WHOLE_SECONDS):
            while self._wrong():
                await trio.sleep(_LOOK_SECONDS)
            return
        raise NotWhole(f"{WHOLE_SECONDS:.0f} s after the last disturbance {self._wrong()}")

    def _wrong(self) -> str:
        """What is not well; empty where all is."""
        said = self._watcher.said
        for name in self._ids:
            if name not in said:
                return f"{name} does not answer"
            held = {each.peer: each.state for each in said[name].held}
            for other, other_id in self._ids.items():
                if other != name and held.get(other_id) != "alive":
                    return f"{name} holds {other} {held.get(other_id, 'for nobody')}"
            linked = {each.peer for each in said[name].neighbours}
            if missing := [other for other in self._ids if self._ids[other] in {*said[name].told} - linked]:
                return f"{name} has no link with {missing[0]}, which it was told to keep"
        parts = TOPOLOGY.diagnose(Network(self._peers, dict.fromkeys(self._links(), _ANY))).components
        return "" if len(parts) == 1 else f"the mesh is in {len(parts)} parts"

    def _links(self) -> set[Pair]:
        """Links that both ends tell of."""
        names = {peer_id: name for name, peer_id in self._ids.items()}
        told = {
            (name, names[each.peer])
            for name, status in self._watcher.said.items()
            for each in status.neighbours
            if each.peer in names
        }
        return {pair(one, other) for one, other in told if (other, one) in told}

    def _network(self, found: Network) -> Network:
        """The mesh that there is, with what sweeps measured; what none did is as the median."""
        known = {**found.possible, **found.links}
        usual = Quality(statistics.median(each.rtt_seconds for each in known.values()))
        pairs = {ends: known.get(ends, usual) for ends in combinations(sorted(self._ids), 2)}
        links = self._links()
        return Network(
            self._peers,
            {ends: pairs[ends] for ends in pairs if ends in links},
            {ends: pairs[ends] for ends in pairs if ends not in links},
        )
