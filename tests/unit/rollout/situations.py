"""Settings and samples that tests of rollouts begin with."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from strata.rollout import Part
from strata.store import RolloutSample, RolloutSetting


def setting_of(percent: int, part: Part = Part.OPTIMISER) -> RolloutSetting:
    """A row of the ledger."""
    return RolloutSetting(1, part, percent, "a test", "somebody", datetime.now(UTC))


def stream(
    seed: int, count: int, percent: int, seconds: Callable[[random.Random, int], float], factor: float = 1.0
) -> list[RolloutSample]:
    """Samples in order, of which so many percent have the part, which takes `factor` times as long with it."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        enabled = chance.random() * 100 < percent
        value = seconds(chance, number)
        found.append(RolloutSample(str(number), "work", enabled, value * factor if enabled else value))
    return found
