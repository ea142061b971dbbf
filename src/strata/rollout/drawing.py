"""Which units of work a part gets: a fixed draw for each unit, so that a higher percentage only adds some.

The draw is a hash of the part and the unit's key. It is the same wherever it is made, and nobody needs to remember it;
and it says nothing of the unit, so that units with the part and without it differ by chance alone. That holds for as
long as nobody chooses keys by their hash.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strata.rollout.parts import Part

if TYPE_CHECKING:
    from strata.store import RolloutSetting

_STEPS = 1 << 64


def draw_between(part: Part, unit: str) -> float:
    """Where the unit lies, from 0 up to, but without, 100: a percentage above that gives it the part."""
    digest = hashlib.sha256(f"{part}\0{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") * 100 / _STEPS


@dataclass(frozen=True)
class Draw:
    """Whether `unit` gets the part. setting: under which the draw is part of a comparison; None where it is of none."""

    part: Part
    unit: str
    enabled: bool
    setting: "RolloutSetting | None" = None


@dataclass(frozen=True)
class Measured:
    """What the unit took, in seconds; subject: what it did, which is compared only with units that did the same."""

    draw: Draw
    subject: str
    seconds: float


@dataclass(frozen=True)
class Trial:
    """What counts for a part at one time. on: its flag; setting: the row of the ledger that says `percent`, if any."""

    part: Part
    on: bool
    percent: int
    setting: "RolloutSetting | None" = None

    @property
    def compares(self) -> bool:
        """Whether there is work with the part and work without it."""
        return self.on and self.setting is not None and 0 < self.percent < 100

    def draw(self, unit: str) -> Draw:
        """For one unit of work."""
        enabled = self.on and draw_between(self.part, unit) < self.percent
        return Draw(self.part, unit, enabled, self.setting if self.compares else None)
