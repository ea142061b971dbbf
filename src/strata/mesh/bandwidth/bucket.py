"""A token bucket: bytes that may pass at a rate, and at once as many as a burst."""

import math

from strata.errors import StrataError


class TooFast(StrataError):
    """More bytes at once than the burst, or before they may go."""


class TokenBucket:
    """Lets no more pass in any t seconds than rate x t + burst bytes. It is full at first.

    The clock is the caller's, in seconds; one that goes back stands still here. A rate of inf lets all pass, one of 0
    what is in the bucket.
    """

    def __init__(self, rate: float, burst: float, now: float) -> None:
        if not (rate >= 0 and burst > 0):
            raise StrataError(f"a rate of {rate} bytes a second and a burst of {burst} bytes cannot be kept")
        self._rate, self._burst = rate, burst
        self._held, self._at = burst, now

    def ready_at(self, count: int) -> float:
        """When so many bytes may go if none go before, which may be past; inf for never. Raises TooFast if they are
        more than the burst.
        """
        if count > self._burst:
            raise TooFast(f"{count} bytes at once are more than the burst of {self._burst:g}; send them in pieces")
        missing = count - self._held
        if missing <= 0:
            return self._at
        return self._at + missing / self._rate if self._rate else math.inf

    def take(self, count: int, now: float) -> None:
        """They go now. Raises TooFast before `ready_at`."""
        if (at := self.ready_at(count)) > max(now, self._at):
            raise TooFast(f"{count} bytes may go in {at - now:.6f} seconds")
        self._settle(now)
        self._held = max(0.0, self._held - count)  # less only by rounding, since it was time

    def spend(self, count: int, now: float) -> None:
        """They go now in any case; what there is not is owed, and others wait until it has come in."""
        self._settle(now)
        self._held -= count

    def _settle(self, now: float) -> None:
        if now > self._at:
            self._held = min(self._burst, self._held + self._rate * (now - self._at))
            self._at = now
