"""Circuit breakers (Nygard, Release It!, 2007): who fails again and again is left alone for a while, then tried once.

Closed, everything goes through; after so many failures in a row it opens, and nothing does; when it has cooled down it
is half-open, and one trial goes through: it closes the breaker by succeeding, or opens it for twice as long by failing.
No clock of its own.
"""

from dataclasses import dataclass


@dataclass
class _Breaker:
    failures: int = 0
    cool_down: float = 0.0  # seconds; 0 while closed
    until: float = 0.0
    trying: bool = False


class Breakers:
    """Circuit breakers by name. `failures` in a row open one for `cool_down` seconds; no more than `longest` later on.

    Times are seconds of any clock that does not go backwards, always the same one.
    """

    def __init__(self, failures: int = 3, cool_down: float = 5.0, longest: float = 300.0) -> None:
        if failures < 1 or not 0 < cool_down <= longest:
            raise ValueError("a breaker opens after 1 failure or more, for more than 0 seconds and at most `longest`")
        self._failures = failures
        self._cool_down = cool_down
        self._longest = longest
        self._breakers: dict[str, _Breaker] = {}

    def is_open(self, name: str, now: float) -> bool:
        """Whether nothing should be asked of `name`: it has not cooled down yet, or a trial is under way."""
        breaker = self._breakers.get(name)
        return breaker is not None and breaker.cool_down > 0 and (now < breaker.until or breaker.trying)

    def allows(self, name: str, now: float) -> bool:
        """Whether to try; a half-open breaker says so once, and then waits for `failed` or `succeeded`."""
        if self.is_open(name, now):
            return False
        breaker = self._breakers.get(name)
        if breaker is not None:
            breaker.trying = breaker.cool_down > 0
        return True

    def failed(self, name: str, now: float) -> None:
        """Note a failure."""
        breaker = self._breakers.setdefault(name, _Breaker())
        breaker.failures += 1
        breaker.trying = False
        if breaker.cool_down > 0 and now >= breaker.until:
            breaker.cool_down = min(2 * breaker.cool_down, self._longest)
        elif breaker.cool_down == 0 and breaker.failures >= self._failures:
            breaker.cool_down = self._cool_down
        else:
            return  # closed still; or open, and somebody who had begun before failed as well
        breaker.until = now + breaker.cool_down

    def succeeded(self, name: str) -> None:
        """Note a success: the breaker closes."""
        self._breakers.pop(name, None)
