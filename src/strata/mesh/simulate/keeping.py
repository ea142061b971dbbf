"""Links as agents keep them: they come up when dialled, and go when somebody notices that nothing comes through.

In long simulations a told link is there at once. Where seconds count this stands in for the keeping of
`strata.mesh.agent`, by whose own durations it goes.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from strata.mesh.agent import (
    AWAY_REDIAL_SECONDS,
    DIAL_SECONDS,
    HEARTBEAT_SECONDS,
    IDLE_SECONDS,
    QUIET_SECONDS,
    SILENCE_SECONDS,
    SLEPT_SECONDS,
    redial_after,
)
from strata.mesh.network import Pair, pair
from strata.mesh.simulate.agenda import Agenda
from strata.mesh.simulate.chance import chance
from strata.mesh.simulate.world import World

RESENT_SECONDS = 0.2  # Linux sends again after so long at first, then after twice as long each time (RFC 6298, 5.5)


@dataclass(frozen=True)
class Processes:
    """What takes real processes time, in seconds: starting until they serve, dialling until a link is there.

    keepers: of links that are there at the beginning, the end that was told to keep it and dials; else the first.
    """

    starting: float
    dialling: float
    keepers: dict[Pair, str] = field(default_factory=dict)


class Keeping:
    """Which of the told links are there; `changed` is called when one has come up or gone.

    A crash is noticed at once at the other end, for the machine goes on and says so. A cut and a stall are noticed by
    their silence. The end that was told dials again then, less often each time, seldom where it holds the other dead,
    and at once where it hears that the other is back. Where a cut is over before the silence is noticed, the link goes
    on as soon as what was lost is sent again. Who was stalled for seconds makes all its links anew.
    """

    def __init__(
        self, agenda: Agenda, world: World, seed: int, processes: Processes, changed: Callable[[], None]
    ) -> None:
        self._agenda = agenda
        self._world = world
        self._random = chance(seed, "keeping")
        self._dialling = processes.dialling
        self._changed = changed
        self._keepers = {ends: processes.keepers.get(ends, ends[0]) for ends in sorted(world.told)}
        self._plans: dict[Pair, int] = {}  # of each link the latest: what was planned before does not count any more
        self._pings: dict[Pair, float] = {}  # that were the first to be lost in a cut
        self._there = world.there = set(world.told)
        self._waiting: dict[Pair, None] = {}  # to dial again
        self._away: set[tuple[str, str]] = set()  # who holds whom so
        self._heard: dict[tuple[str, str], float] = {}
        self._stalled_at: dict[str, float] = {}

    @property
    def sweep_waits(self) -> float:
        """Seconds for which a sweep that begins now waits for nobody.

        One that is stalled is dialled by the sweeper, and then by others that it asks; a pair that is cut is probed.
        """
        return DIAL_SECONDS * (2 * bool(self._world.stalled) or bool(+self._world.cuts))

    def told(self, added: set[Pair], dropped: set[Pair]) -> None:
        """Links were dialled, and came up; links were dropped."""
        for ends in added | dropped:
            self._plan(ends)
        self._there -= dropped
        self._there |= added
        self._keepers = {ends: keeper for ends, keeper in self._keepers.items() if ends not in dropped}
        self._keepers |= {ends: ends[0] for ends in sorted(added)}

    def noted(self, observer: str, peer: str, *, away: bool) -> None:
        """A detector holds a peer dead or gone from now on, or alive or suspect."""
        if away:
            self._away.add((observer, peer))
        else:
            self._away.discard((observer, peer))
            self._wake(observer, peer)

    def heard(self, observer: str, peer: str) -> None:
        """A node was told something by another one."""
        before = self._heard.get((observer, peer), -math.inf)
        self._heard[observer, peer] = self._agenda.now
        if self._agenda.now - before > QUIET_SECONDS:
            self._wake(observer, peer)

    def crashed(self, name: str) -> None:
        """Its links are gone, and the others know."""
        self._away = {each for each in self._away if each[0] != name}
        self._heard = {each: at for each, at in self._heard.items() if each[0] != name}
        for ends in self._of(name):
            if ends in self._there:
                self._gone(ends)

    def started(self, name: str) -> None:
        """It dials whom it was told to keep links to."""
        for ends in self._of(name):
            if self._keepers[ends] == name:
                self._there.discard(ends)
                self._after(0.0, self._dial, ends, 0)

    def stalled(self, name: str) -> None:
        """The others wait for it, for a while."""
        self._stalled_at[name] = self._agenda.now
        for ends in self._of(name):
            if ends in self._there:
                since = self._random.uniform(0, HEARTBEAT_SECONDS)
                kept = self._keepers[ends] == name
                self._after(IDLE_SECONDS - since if kept else since + SILENCE_SECONDS, self._silent, ends)

    def resumed(self, name: str) -> None:
        """It finds out which links have ended, and dials those that it keeps; after seconds it has all made anew."""
        slept = self._agenda.now - self._stalled_at.pop(name) > SLEPT_SECONDS
        for ends in self._of(name):
            if ends in self._there and not slept:
                self._plan(ends)
            elif self._keepers[ends] == name:
                self._there.discard(ends)
                self._after(0.0, self._dial, ends, 0)
            elif ends in self._there:
                self._gone(ends)

    def cut(self, ends: Pair) -> None:
        """Nothing comes through any more: the first ping that is lost ends the link, some time later."""
        if ends in self._there:
            wait = self._random.uniform(0, HEARTBEAT_SECONDS)
            self._pings[ends] = self._agenda.now + wait
            self._after(wait + SILENCE_SECONDS, self._silent, ends)

    def healed(self, ends: Pair) -> None:
        """A link that has not ended goes on, where the ping is sent again before it would."""
        ping = self._pings.pop(ends, None)
        if ping is None or ends not in self._there:
            return
        resent = (ping + RESENT_SECONDS * (2.0**times - 1) for times in count())
        if next(time for time in resent if time >= self._agenda.now) < ping + SILENCE_SECONDS:
            self._plan(ends)

    def _of(self, name: str) -> list[Pair]:
        return [ends for ends in self._keepers if name in ends]

    def _plan(self, ends: Pair) -> int:
        self._waiting.pop(ends, None)
        plan = self._plans[ends] = self._plans.get(ends, 0) + 1
        return plan

    def _after(self, seconds: float, what: Callable[..., None], ends: Pair, *more: int) -> None:
        plan = self._plan(ends)

        def due() -> None:
            if self._plans[ends] == plan:
                what(ends, *more)

        self._agenda.at(self._agenda.now + seconds, due)

    def _silent(self, ends: Pair) -> None:
        self._gone(ends)
        self._changed()

    def _gone(self, ends: Pair) -> None:
        self._there.discard(ends)
        self._redial(ends, 0)

    def _redial(self, ends: Pair, failures: int) -> None:
        away = self._ends_of(ends) in self._away
        self._after(AWAY_REDIAL_SECONDS if away else redial_after(failures), self._dial, ends, failures + 1)
        self._waiting[ends] = None

    def _wake(self, keeper: str, peer: str) -> None:
        ends = pair(keeper, peer)
        if ends in self._waiting and self._keepers.get(ends) == keeper:
            self._after(0.0, self._dial, ends, 0)

    def _ends_of(self, ends: Pair) -> tuple[str, str]:
        """The end that keeps the link, and the other."""
        keeper = self._keepers[ends]
        return keeper, ends[0] if keeper == ends[1] else ends[1]

    def _dial(self, ends: Pair, failures: int) -> None:
        world, (keeper, other) = self._world, self._ends_of(ends)
        if not world.runs(keeper):
            return  # it begins anew when it runs again
        if world.dialable(*ends) and world.runs(other):
            self._after(self._dialling, self._up, ends, failures)
        elif world.up(other):  # nobody answers
            self._after(DIAL_SECONDS, self._redial, ends, failures)
        else:
            self._redial(ends, failures)

    def _up(self, ends: Pair, failures: int) -> None:
        if self._world.dialable(*ends) and self._world.stalled.isdisjoint(ends):
            self._there.add(ends)
            self._changed()
        else:
            self._redial(ends, failures)
