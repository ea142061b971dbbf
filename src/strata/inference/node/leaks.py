"""Whether sessions leave memory behind: what a node holds when one has ended, followed from session to session.

Where no other session is open, two samples are taken after garbage was collected: allocated bytes, which are those of
tensors and little else, and resident bytes, which also show what is mapped but creep while an allocator settles, so
only a steeper trend counts. Loading another shard begins anew.

A node that is never without a session is sampled under load, now and then. What the open sessions' KV caches take is
subtracted to the byte, from the allocated bytes: resident ones grow with every token that a cache is filled with. What
else a session takes (its link's buffers, a message under way, the allocator's rounding) depends on how many there are,
so samples are compared with those of as many sessions only; growing load then fills no window. What is left is noise,
or grows with the requests, which is a leak.

Python's list of live objects would tell tensors apart, but must not be asked for: it has in it the tuples that other
threads are about to fill, and whoever holds one more reference to such a tuple makes filling it fail.
"""

import gc
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from strata.inference.decoder import cache
from strata.inference.node.process_memory import allocated_bytes, release, resident_bytes
from strata.memory import WINDOW, Leak, LeakMonitor

WARM_UP = 8  # sessions until code, tables and scratch memory of every kind have been needed once
ALLOCATED_TOLERANCE = 4 << 10  # bytes a session
RESIDENT_TOLERANCE = 64 << 10
LOADED_TOLERANCE = 64 << 10  # bytes a sample, between which many sessions may have ended
LOADED_SECONDS = 5.0  # between two samples under load: collecting garbage holds up everybody's next token


@dataclass(frozen=True)
class Held:
    """Bytes of this process: all that is resident, and what is allocated, where that can be told.

    sessions: that were open; what their caches take is not counted as allocated, and resident is not to be looked at.
    """

    resident: int
    allocated: int | None
    sessions: int = 0


def held() -> Held:
    """What this process holds once nothing is garbage, while no session is open. Blocks some milliseconds."""
    release()
    return Held(resident_bytes(), allocated_bytes())


def held_beside(open_now: Callable[[], Iterable[cache.StageCache]]) -> Held:
    """The same while sessions with these caches are open, and none of them is computed."""
    gc.collect()
    caches = list(open_now())
    allocated = allocated_bytes()
    return Held(0, None if allocated is None else allocated - cache.allocated_bytes(caches), len(caches))


class LeakWatch:
    """Samples of one process. `found` says what grows, in words; it is empty while nothing is suspected."""

    def __init__(self, window: int = WINDOW, warm_up: int = WARM_UP) -> None:
        self._window, self._warm_up = window, warm_up
        self._grows: dict[str, str] = {}
        self._looked = 0
        self._next = 0.0
        self._monitors: dict[str, LeakMonitor] = {}
        self.begin()

    def begin(self) -> None:
        """Forget all samples: what the process holds is another thing from now on. What was found stays."""
        self._looked = self.windows
        # What is allocated while nothing else is there comes first: where several grow, it is the most exact finding.
        self._monitors = {
            what: LeakMonitor(what, tolerance=tolerance, window=self._window, warm_up=self._warm_up)
            for what, tolerance in (
                ("allocated bytes", ALLOCATED_TOLERANCE),
                ("resident bytes", RESIDENT_TOLERANCE),
                ("allocated bytes under load", LOADED_TOLERANCE),
            )
        }

    @property
    def found(self) -> str:
        """What grew in its latest full window."""
        return next((self._grows[what] for what in self._monitors if what in self._grows), "")

    @property
    def windows(self) -> int:
        """How many windows of samples have been full since the process began."""
        return self._looked + sum(monitor.tested for monitor in self._monitors.values())

    def is_due(self, now: float) -> bool:
        """Whether it is time for a sample under load (seconds of any clock); if so, the next one is due later."""
        if now < self._next:
            return False
        self._next = now + LOADED_SECONDS
        return True

    def note(self, sample: Held) -> bool:
        """Take what is held after a session; True when that completes a window in which something grew.

        What grew before and is steady in its next full window is not suspected any more.
        """
        if sample.sessions:
            return self._note("allocated bytes under load", sample.allocated, sample.sessions)
        resident = self._note("resident bytes", sample.resident)
        return self._note("allocated bytes", sample.allocated) or resident

    def _note(self, what: str, value: int | None, group: int = 0) -> bool:
        if value is None:
            return False
        monitor = self._monitors[what]
        try:
            found = monitor.note(value, group)
        except Leak as leak:
            self._grows[what] = str(leak)
            return True
        if found is not None and monitor.is_steady(found):
            self._grows.pop(what, None)
        return False
