"""Keeps the flows of a peer to their rates: says which message goes next, and when."""

import math
from dataclasses import dataclass

from strata.errors import StrataError
from strata.mesh.bandwidth.allocate import Allocation
from strata.mesh.bandwidth.bucket import TokenBucket
from strata.mesh.bandwidth.flows import Kind

LARGEST = 65_536  # bytes of a message: what a flow may send at once, however slow it is


@dataclass(frozen=True, slots=True)
class Due:
    """A message that goes now."""

    flow: str
    count: int


class Shaper:
    """A bucket for each flow, and at most one message of each that waits, so that nothing piles up here.

    Control goes as soon as it may, before all others; of these the one whose time came first. The clock is the
    caller's. Nothing is sent here: wait until `ready_at`, take what is due, send it, offer the flow's next.
    """

    def __init__(self, allocation: Allocation, now: float, largest: int = LARGEST) -> None:
        self._largest = largest
        self._kinds: dict[str, Kind] = {}
        self._buckets: dict[str, TokenBucket] = {}
        self._waiting: dict[str, int] = {}
        self.follow(allocation, now)

    def follow(self, allocation: Allocation, now: float) -> None:
        """Keep to other rates from now on; what waits of a flow that is not among them any more never goes."""
        for name, share in allocation.shares.items():
            self._kinds[name] = share.flow.kind
            if name in self._buckets:
                self._buckets[name].set_rate(share.bytes_per_second, now)
            else:
                self._buckets[name] = TokenBucket(share.bytes_per_second, self._largest, now)
        for name in self._buckets.keys() - allocation.shares.keys():
            del self._buckets[name], self._kinds[name]
            self._waiting.pop(name, None)

    def offer(self, flow: str, count: int) -> None:
        """A message of so many bytes waits to be sent. Raises StrataError where one of the flow waits already, or it is
        of no flow known, or larger than any may be.
        """
        if flow not in self._buckets:
            raise StrataError(f"there is no flow {flow} in the allocation; allocate for it first")
        if flow in self._waiting:
            raise StrataError(f"a message of the flow {flow} waits already; offer the next when it was due")
        self._buckets[flow].ready_at(count)
        self._waiting[flow] = count

    def ready_at(self) -> float:
        """When the next message is due; inf without one."""
        return min((self._ready_at(flow) for flow in self._waiting), default=math.inf)

    def due(self, now: float) -> Due | None:
        """The message that goes now, if any."""
        ready = [flow for flow in self._waiting if self._ready_at(flow) <= now]
        if not ready:
            return None
        flow = min(ready, key=lambda each: (self._kinds[each] is not Kind.CONTROL, self._ready_at(each), each))
        count = self._waiting.pop(flow)
        self._buckets[flow].take(count, now)
        return Due(flow, count)

    def _ready_at(self, flow: str) -> float:
        return self._buckets[flow].ready_at(self._waiting[flow])
