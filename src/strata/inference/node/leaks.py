"""Whether sessions leave memory behind: what a node without any session holds, followed from session to session.

Two samples are taken, after garbage was collected: allocated bytes, which are those of tensors and little else, and
resident bytes, which also show what is mapped but creep while an allocator settles, so only a steeper trend counts.
Neither is comparable while other sessions run, so none is taken then. Loading another shard begins anew.

Python's list of live objects would tell tensors apart, but must not be asked for: it has in it the tuples that other
threads are about to fill, and whoever holds one more reference to such a tuple makes filling it fail.
"""

from dataclasses import dataclass

from strata.inference.node.process_memory import allocated_bytes, release, resident_bytes
from strata.memory import WINDOW, Leak, LeakMonitor

WARM_UP = 8  # sessions until code, tables and scratch memory of every kind have been needed once
ALLOCATED_TOLERANCE = 4 << 10  # bytes a session
RESIDENT_TOLERANCE = 64 << 10


@dataclass(frozen=True)
class Held:
    """Bytes of this process: all that is resident, and what is allocated, where that can be told."""

    resident: int
    allocated: int | None


def held() -> Held:
    """What this process holds once nothing is garbage. Blocks some milliseconds."""
    release()
    return Held(resident_bytes(), allocated_bytes())


class LeakWatch:
    """Samples of one process. `found` says what grows, in words; it is empty while nothing is suspected."""

    def __init__(self, window: int = WINDOW, warm_up: int = WARM_UP) -> None:
        self._window, self._warm_up = window, warm_up
        self.found = ""
        self.begin()

    def begin(self) -> None:
        """Forget all samples: what the process holds is another thing from now on. What was found stays."""
        self._allocated = LeakMonitor(
            "allocated bytes", tolerance=ALLOCATED_TOLERANCE, window=self._window, warm_up=self._warm_up
        )
        self._resident = LeakMonitor(
            "resident bytes", tolerance=RESIDENT_TOLERANCE, window=self._window, warm_up=self._warm_up
        )

    def note(self, sample: Held) -> bool:
        """Take what is held after a session; True when that completes a window in which something grew."""
        grew = False
        # What is allocated last: where both grow, it is the more exact finding.
        for monitor, value in ((self._resident, sample.resident), (self._allocated, sample.allocated)):
            if value is None:
                continue
            try:
                monitor.note(value)
            except Leak as leak:
                self.found, grew = str(leak), True
        return grew
