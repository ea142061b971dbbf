"""What a model is trained on, and how."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace

from strata.evolution.suites import DOMAINS, Item, small_suite


@dataclass(frozen=True)
class Course:
    """`mix`: weight of each domain in the batches. The learning rate rises over `warm_up` steps, then falls as a
    cosine to 0."""

    name: str
    mix: Mapping[str, float]
    steps: int
    rate: float
    batch: int = 64
    warm_up: int = 10

    def rate_at(self, step: int) -> float:
        """Learning rate of step number `step`, counted from 0."""
        risen = min(1.0, (step + 1) / self.warm_up)
        return self.rate * risen * 0.5 * (1 + math.cos(math.pi * step / self.steps))


# The base stops early, and specialists stay near it: else the gain of a specialist is lost in every merge.
BASE = Course("base", {"coding": 0.30, "math": 0.30, "reasoning": 0.30, "language": 0.10}, steps=150, rate=2e-3)
_STEPS = {"coding": 120, "math": 160, "reasoning": 60, "language": 120}  # so that no domain gains much more than others
SPECIALISTS = tuple(Course(domain, {domain: 1.0}, steps=_STEPS[domain], rate=1.5e-4) for domain in DOMAINS)


class Lessons:
    """The training items of a course, by step; step number n is the same whatever came before it."""

    def __init__(self, course: Course, seed: int) -> None:
        self._course, self._seed = course, seed
        self._pools = {domain: _pool(domain, course, seed) for domain, weight in course.mix.items() if weight > 0}

    def batch(self, step: int) -> list[Item]:
        """The items of step number `step`."""
        chance = random.Random(f"{self._seed} {self._course.name} {step}")  # noqa: S311 - no secret
        domains = tuple(self._pools)
        weights = [self._course.mix[domain] for domain in domains]
        chosen = chance.choices(domains, weights, k=self._course.batch)
        return [chance.choice(self._pools[domain]) for domain in chosen]


def shortened(course: Course, share: float) -> Course:
    """The same course with that share of its steps, at least one."""
    return replace(course, steps=max(1, round(course.steps * share)))


def _pool(domain: str, course: Course, seed: int) -> tuple[Item, ...]:
    suite = small_suite(domain)
    wanted = math.ceil(course.steps * course.batch * course.mix[domain] / sum(course.mix.values()))
    return suite.draw("training", 0, min(wanted, suite.capacity("training")), seed)
