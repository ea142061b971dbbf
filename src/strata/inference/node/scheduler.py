"""In which order a node computes what its sessions wait for, and what it computes together.

A session has at most one piece of work waiting: a step of one token, or a slice of a prompt. Steps and slices take
turns while there are both, so a long prompt holds up everybody's next token by one slice at most, and many readers do
not keep a new one from starting. Among steps, and among slices, whoever has waited longest is first.

Steps are computed together, but no more of them than the sessions' share of one stage: of N sessions over S stages that
can be at work at the same time, ceil(N / S). All in one batch would walk through the stages as a convoy, with one stage
at work and the others idle; nothing would ever part them. A batch that is not full is of those that are there, but what
comes over several links comes one after the other: the first of a group would run ahead of it in every stage, alone.
So it waits a moment, though not where something else could be computed in the meantime.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from math import ceil
from typing import Generic, TypeVar

W = TypeVar("W")

# How long the first of a batch that is not full waits: this share of what a batch takes, and at most so long.
# A batch costs about the same whatever its size, so one saved is worth the wait; messages of a batch that was computed
# in one go are some milliseconds apart (16 sessions over 4 nodes on 2 cores: batches are 55 % full after 5 ms, 98 %
# after 25, which is half of what they take).
SHARE_OF_BATCH = 0.5
MOST_SECONDS = 0.05
# Rows (of a step one for each sequence) computed together at most: their activations are small beside any weights.
MOST_ROWS = 64


@dataclass(frozen=True)
class _Waiting(Generic[W]):
    work: W
    rows: int
    since: float


class Scheduler(Generic[W]):
    """Work of sessions, which are known by their keys."""

    def __init__(self) -> None:
        self._stages: dict[Hashable, int] = {}
        self._steps: OrderedDict[Hashable, _Waiting[W]] = OrderedDict()
        self._slices: OrderedDict[Hashable, _Waiting[W]] = OrderedDict()
        self._slice_is_next = False
        self._batch_seconds = 0.0

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._stages)

    @property
    def share(self) -> int:
        """Steps that are computed together at most."""
        return ceil(len(self._stages) / max(self._stages.values(), default=1))

    def join(self, session: Hashable, stages: int) -> None:
        """A session is open, of which so many stages, this one included, can be at work at the same time."""
        self._stages[session] = stages

    def leave(self, session: Hashable) -> None:
        """It is not any more; what it waited for is forgotten."""
        self._stages.pop(session, None)
        self._steps.pop(session, None)
        self._slices.pop(session, None)

    def add(self, session: Hashable, work: W, *, tokens: int, rows: int, now: float = 0.0) -> None:
        """A session that has joined, and waits for nothing else, waits for `work` on (rows, tokens) from `now` on."""
        if session not in self._stages or session in self._steps or session in self._slices:
            raise ValueError("a session waits for one thing at a time, while it is open")
        (self._steps if tokens == 1 else self._slices)[session] = _Waiting(work, rows, now)

    def patience(self, now: float) -> float:
        """Seconds to wait, unless something comes, before `take` is worth it; 0 where it is, and where nobody waits."""
        if self._slices or not 0 < len(self._steps) < self.share:
            return 0.0
        moment = min(MOST_SECONDS, SHARE_OF_BATCH * self._batch_seconds)
        return max(0.0, next(iter(self._steps.values())).since + moment - now)

    def computed(self, seconds: float) -> None:
        """What was taken is computed, which took so long."""
        self._batch_seconds += (seconds - self._batch_seconds) / 8 if self._batch_seconds else seconds

    def take(self) -> list[W]:
        """What to compute next, together; nothing where nobody waits."""
        if self._slices and (self._slice_is_next or not self._steps):
            self._slice_is_next = False
            return [self._slices.popitem(last=False)[1].work]
        self._slice_is_next = True
        taken: list[W] = []
        rows, share = 0, self.share
        while self._steps and len(taken) < share:
            session, waiting = next(iter(self._steps.items()))
            rows += waiting.rows
            if taken and rows > MOST_ROWS:
                break
            del self._steps[session]
            taken.append(waiting.work)
        return taken
