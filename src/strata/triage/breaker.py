"""Circuit breakers (Nygard, Release It!, 2007): who fails again and again is left alone for a while, then tried once.

Closed, everything goes through; after so many failures in a row it opens, and nothing does; when it has cooled down it
is half-open, and one trial goes through: it closes the breaker by succeeding, or opens it for twice as long by failing.
No clock of their own: times are seconds of any clock that does not go backwards, always the same one.
"""

from typing import Literal

State = Literal["closed", "open", "half-open"]

FAILURES = 3
COOL_DOWN = 5.0
LONGEST = 300.0
MOST = 4096


class Breaker:
    """One circuit. `failures` in a row open it for `cool_down` seconds; later on for no more than `longest`.

    Raises ValueError for settings that make no sense.
    """

    def __init__(self, failures: int = FAILURES, cool_down: float = COOL_DOWN, longest: float = LONGEST) -> None:
        if failures < 1 or not 0 < cool_down <= longest:
            raise ValueError("a breaker opens after 1 failure or more, for more than 0 seconds and at most `longest`")
        self._allowed = failures
        self._first = cool_down
        self._longest = longest
        self._failures = 0
        self._cool_down = 0.0  # 0 while closed
        self._until = 0.0
        self._trying = False

    def state(self, now: float) -> State:
        """Closed, open, or half-open: cooled down, its trial due or under way."""
        if self._cool_down == 0:
            return "closed"
        return "open" if now < self._until else "half-open"

    def is_open(self, now: float) -> bool:
        """Whether nothing should be asked now: it has not cooled down yet, or its trial is under way."""
        state = self.state(now)
        return state == "open" or (state == "half-open" and self._trying)

    def rest(self, now: float) -> float:
        """Seconds until it has cooled down; 0 where it has, and while it is closed."""
        return max(0.0, self._until - now) if self._cool_down else 0.0

    def allows(self, now: float) -> bool:
        """Whether to try; a half-open breaker says so once, and then waits for `failed` or `succeeded`."""
        if self.is_open(now):
            return False
        self._trying = self._cool_down > 0
        return True

    def failed(self, now: float) -> None:
        """Note a failure."""
        self._failures += 1
        state = self.state(now)
        if state == "half-open":
            self._cool_down = min(2 * self._cool_down, self._longest)
        elif state == "closed" and self._failures >= self._allowed:
            self._cool_down = self._first
        else:
            return  # closed still; or open, and somebody who had begun before failed as well
        self._until = now + self._cool_down
        self._trying = False

    def succeeded(self) -> None:
        """Note a success: it closes, and forgets the failures."""
        self._failures = 0
        self._cool_down = 0.0
        self._trying = False


class Breakers:
    """Breakers by key, such as a peer's id or name, all with the same settings.

    No more than `most` are kept: the key whose latest failure is longest ago is forgotten first, and then goes through
    again as if it had never failed. A key takes memory once it has failed, until it succeeds. Raises ValueError for
    settings that make no sense.
    """

    def __init__(
        self, failures: int = FAILURES, cool_down: float = COOL_DOWN, longest: float = LONGEST, most: int = MOST
    ) -> None:
        Breaker(failures, cool_down, longest)  # refuses what makes no sense now, not at the first failure
        if most < 1:
            raise ValueError("at least 1 breaker must be kept")
        self._settings = (failures, cool_down, longest)
        self._most = most
        self._breakers: dict[str, Breaker] = {}  # by latest failure, the oldest first

    def __len__(self) -> int:
        return len(self._breakers)

    def state(self, key: str, now: float) -> State:
        """The state of `key`'s breaker; closed where it has not failed."""
        breaker = self._breakers.get(key)
        return "closed" if breaker is None else breaker.state(now)

    def is_open(self, key: str, now: float) -> bool:
        """Whether nothing should be asked of `key`: it has not cooled down yet, or its trial is under way."""
        breaker = self._breakers.get(key)
        return breaker is not None and breaker.is_open(now)

    def allows(self, key: str, now: float) -> bool:
        """Whether to try; a half-open breaker says so once, and then waits for `failed` or `succeeded`."""
        breaker = self._breakers.get(key)
        return breaker is None or breaker.allows(now)

    def failed(self, key: str, now: float) -> None:
        """Note a failure of `key`."""
        breaker = self._breakers.pop(key, None) or Breaker(*self._settings)
        breaker.failed(now)
        while len(self._breakers) >= self._most:
            del self._breakers[next(iter(self._breakers))]
        self._breakers[key] = breaker

    def succeeded(self, key: str) -> None:
        """Note a success of `key`: its breaker closes."""
        self._breakers.pop(key, None)
