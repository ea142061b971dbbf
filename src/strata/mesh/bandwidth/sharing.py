"""One rate shared by classes: says whose piece goes next, and when.

It is the machine's uplink that is shared, so one of these is for all connections of a process. Control goes at once;
what it takes the others wait for. These share by `WEIGHTS` what there is, by start-time fair queueing (Goyal, Vin and
Cheng, SIGCOMM 1996): of the classes that have something to send each gets its part, and what one does not use goes to
the others. The clock is the caller's, in seconds.
"""

import math
from collections import deque

from strata.mesh.bandwidth.bucket import TokenBucket
from strata.mesh.bandwidth.flows import WEIGHTS, Kind

BURST_BYTES = 288 << 10  # what may go at once after a pause: a link sends pieces of 256 KiB, and what encryption adds


class Turn:
    """A piece of so many bytes that waits, until it is `granted`."""

    def __init__(self, kind: Kind, count: int, start: float) -> None:
        self.kind = kind
        self.count = count
        self.start = start  # in virtual time: bytes for each weight
        self.granted = False


class Sharing:
    """Lets no more pass in any t seconds than rate x t + burst bytes, but for control, which never waits."""

    def __init__(self, rate: float, now: float, burst: float = BURST_BYTES) -> None:
        self._bucket = TokenBucket(rate, burst, now)
        self._waiting: dict[Kind, deque[Turn]] = {kind: deque() for kind in WEIGHTS}
        self._finish = dict.fromkeys(WEIGHTS, 0.0)
        self._virtual = 0.0

    def control(self, count: int, now: float) -> None:
        """So many bytes of control go now."""
        self._bucket.spend(count, now)

    def ask(self, kind: Kind, count: int) -> Turn:
        """A piece of another class waits for its turn; raises TooFast if it is larger than the burst."""
        self._bucket.ready_at(count)
        turn = Turn(kind, count, max(self._virtual, self._finish[kind]))
        self._finish[kind] = turn.start + count / WEIGHTS[kind]
        self._waiting[kind].append(turn)
        return turn

    def withdraw(self, turn: Turn) -> None:
        """It waits no more. Its class has asked for it all the same."""
        if not turn.granted:
            self._waiting[turn.kind].remove(turn)

    def ready_at(self) -> float:
        """When the next piece may go; inf if none waits."""
        turn = self._first()
        return math.inf if turn is None else self._bucket.ready_at(turn.count)

    def grant(self, now: float) -> Turn | None:
        """The piece that goes now, if any."""
        turn = self._first()
        if turn is None or self._bucket.ready_at(turn.count) > now:
            return None
        self._waiting[turn.kind].popleft()
        self._bucket.take(turn.count, now)
        self._virtual = turn.start
        turn.granted = True
        return turn

    def _first(self) -> Turn | None:
        return min((queue[0] for queue in self._waiting.values() if queue), key=lambda turn: turn.start, default=None)
