"""Whom to probe, and what is being waited for."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

_MOST_ERRANDS = 64
_ROUNDING = 1e-6  # seconds; who calls when asked to must not find that it is an instant too early


class Rounds:
    """Every member once a round, in a new random order each round (SWIM, section 4.3): nobody waits more than two."""

    def __init__(self, source: Random) -> None:
        self._source = source
        self._order: list[str] = []
        self._at = 0

    def add(self, peer: str) -> None:
        """A newcomer gets a random place."""
        place = self._source.randint(0, len(self._order))
        self._order.insert(place, peer)
        self._at += place < self._at  # who was probed already is not probed again

    def next(self, wanted: Callable[[str], bool]) -> str | None:
        """The next who is `wanted`; who is not is left out until added again. None where there is nobody."""
        while self._order:
            if self._at >= len(self._order):
                self._at = 0
                self._order = [peer for peer in dict.fromkeys(self._order) if wanted(peer)]
                self._source.shuffle(self._order)
                continue
            peer = self._order[self._at]
            self._at += 1
            if wanted(peer):
                return peer
        return None


@dataclass(slots=True)
class Probe:
    """Of a target: directly until `indirect_at`, then through those `asked`, until the next probe is due."""

    target: str
    number: int
    indirect_at: float
    asked: frozenset[str] = frozenset()
    refused: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Errand:
    """A ping for somebody else, who is told by `until` whether it was answered."""

    asker: str
    number: int
    target: str
    until: float


class Errands:
    """Open errands by the number of our ping; not more than 64, whoever asks."""

    def __init__(self) -> None:
        self._open: dict[int, Errand] = {}

    @property
    def due(self) -> float:
        """When the first must be told that there was no answer."""
        return min((errand.until for errand in self._open.values()), default=math.inf)

    def begin(self, number: int, errand: Errand) -> bool:
        """Whether there is room for it."""
        if len(self._open) >= _MOST_ERRANDS:
            return False
        self._open[number] = errand
        return True

    def answered(self, number: int, sender: str) -> Errand | None:
        """The errand that this answer is for."""
        errand = self._open.get(number)
        return self._open.pop(number) if errand is not None and errand.target == sender else None

    def overdue(self, time: float) -> list[Errand]:
        """Those without an answer in time; they are over."""
        late = [number for number, errand in self._open.items() if errand.until <= time]
        return [self._open.pop(number) for number in late]

    def clear(self) -> None:
        """Give up all."""
        self._open.clear()


class AwakeClock:
    """Time that does not pass while this process sleeps or is stopped.

    Whoever was stopped for long would find all its timers over, and nobody's answers read. So when we are called
    much later than we asked for, the time between is not counted. Only differences of one monotonic clock are used;
    what other machines' clocks say does not matter.
    """

    def __init__(self, now: float, nap: float) -> None:
        self.time = now
        self._slept = 0.0
        self._nap = nap

    def advance(self, now: float, due: float) -> bool:
        """It is `now`, and we wanted to be called at `due` of this clock; whether we slept."""
        time = now - self._slept
        late = time - max(due, self.time)
        if slept := late > self._nap:
            self._slept += late
            time -= late
        if due - _ROUNDING < time < due:
            time = due
        self.time = max(self.time, time)
        return slept

    def outside(self, time: float) -> float:
        """That moment of this clock, as the caller's clock will show it."""
        return time + self._slept

    def inside(self, now: float) -> float:
        """What this clock shows when the caller's shows `now`."""
        return now - self._slept
