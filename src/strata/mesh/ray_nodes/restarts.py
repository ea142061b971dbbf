"""When a node that died is started again: soon the first times, later and later where it dies again and again."""

from strata.triage import Breaker

FIRST_SECONDS = 0.5
STEADY_SECONDS = 60.0


class Restarts:
    """Of one node. Times are seconds of a clock that does not go backwards.

    The waits double from `FIRST_SECONDS` on; after three deaths in a row the breaker's are longer (5 s, 10 s, up to 5
    minutes). A node that ran for `STEADY_SECONDS` has recovered, and what was before it is forgotten.
    """

    def __init__(self) -> None:
        self._breaker = Breaker()
        self._deaths = 0
        self._since: float | None = None

    @property
    def deaths(self) -> int:
        """In a row."""
        return self._deaths

    def ready(self, now: float) -> None:
        """Note that it runs."""
        self._since = now

    def died(self, now: float) -> float:
        """Note that it died, or did not start; returns after how many seconds to start it."""
        if self._since is not None and now - self._since >= STEADY_SECONDS:
            self._breaker.succeeded()
            self._deaths = 0
        self._since = None
        self._deaths += 1
        self._breaker.failed(now)
        return max(FIRST_SECONDS * 2.0 ** min(self._deaths - 1, 4), self._breaker.rest(now))
