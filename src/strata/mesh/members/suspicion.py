"""How long a member is suspect before it is held dead, and how healthy we are ourselves (Lifeguard, 2018)."""

import math

from strata.mesh.members.timing import Timing


class Suspicion:
    """Of one member, in one incarnation. Each further accuser shortens it, logarithmically, down to the floor."""

    __slots__ = ("_floor", "_needed", "_since", "_top", "accusers")

    def __init__(self, since: float, members: int, timing: Timing, accuser: str, *, mobile: bool = False) -> None:
        self._since = since
        self._needed = timing.confirmations(members)
        self._floor = timing.suspicion_floor(members) * (timing.mobile_stretch if mobile else 1)
        self._top = self._floor * timing.suspicion_stretch if self._needed else self._floor
        self.accusers = {accuser}

    def confirm(self, accuser: str) -> bool:
        """Count an accuser; whether it is a new one that still matters, and so is worth passing on."""
        if accuser in self.accusers or len(self.accusers) > self._needed:
            return False
        self.accusers.add(accuser)
        return True

    @property
    def deadline(self) -> float:
        """When it is over: max - (max - min) * log(c + 1) / log(k + 1) after it began, c confirmations of k."""
        if not self._needed:
            return self._since + self._floor
        share = math.log(len(self.accusers)) / math.log(self._needed + 1)
        return self._since + max(self._floor, self._top - share * (self._top - self._floor))


class LocalHealth:
    """Lifeguard's local health multiplier: signs that we are slow ourselves stretch our own timeouts."""

    __slots__ = ("_levels", "_score")

    def __init__(self, levels: int) -> None:
        self._levels = levels
        self._score = 0

    def change(self, by: int) -> None:
        """Better below zero, worse above."""
        self._score = min(max(self._score + by, 0), self._levels - 1)

    @property
    def stretch(self) -> int:
        """1 when healthy, `levels` at worst."""
        return self._score + 1
