"""Which technique to try next: Thompson sampling on what each one gained (Thompson 1933; Chapelle and Li 2011).

A trial's reward is its fitness less that of the best trial of all generations before its own. What worked in early
generations counts less later: rewards are discounted by generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from strata.evolution.search.trials import Past

_LEAST_SPREAD = 1e-3


@dataclass(frozen=True)
class Belief:
    """A technique's mean reward, normally distributed."""

    mean: float
    deviation: float


def rewards(past: Past) -> list[tuple[str, float, int]]:
    """Method, reward and generation of every scored trial; in the first generation against its own mean."""
    found = []
    champion = None
    for generation in range(past.generations):
        rows = [i for i, trial in enumerate(past.scored) if trial.generation == generation]
        if not rows:
            continue
        reached = past.fitness[rows]
        mark = float(reached.mean()) if champion is None else champion
        found += [(past.scored[i].genome.method, float(past.fitness[i]) - mark, generation) for i in rows]
        champion = max(float(reached.max()), -np.inf if champion is None else champion)
    return found


def beliefs(
    past: Past, discount: float = 0.85, prior_weight: float = 1.0, most_prior: float = 3.0
) -> dict[str, Belief]:
    """What is believed of every usable technique.

    A technique without trials is believed to be as good as the mean of all, with the spread of a single trial. Rewards
    of earlier runs count as up to `most_prior` trials, less as trials of this run come in.
    """
    seen = rewards(past)
    values = np.array([reward for _, reward, _ in seen] or [0.0])
    spread = max(float(values.std()), _LEAST_SPREAD)
    found = {}
    for method in past.space.usable:
        sums, weight = prior_weight * float(values.mean()), prior_weight
        earlier = past.rewards.get(method, ())
        if earlier:
            trust = min(float(len(earlier)), most_prior)
            sums += trust * _relative(past.rewards, earlier) * spread
            weight += trust
        for name, reward, generation in seen:
            if name == method:
                counts = discount ** (past.generations - 1 - generation)
                sums += counts * reward
                weight += counts
        found[method] = Belief(sums / weight, spread / weight**0.5)
    return found


def choose(past: Past, count: int, random: np.random.Generator) -> list[str]:
    """`count` techniques, each the best in a world drawn from the beliefs."""
    known = beliefs(past)
    names = list(known)
    means = np.array([known[name].mean for name in names])
    deviations = np.array([known[name].deviation for name in names])
    worlds = random.normal(means, deviations, (count, len(names)))
    return [names[int(best)] for best in worlds.argmax(1)]


def _relative(everything: Mapping[str, Sequence[float]], own: Sequence[float]) -> float:
    """Mean of a technique's earlier rewards in standard deviations from the mean of all, within -2..2.

    Other runs had other models and items: their scale means nothing here, their order does.
    """
    values = np.concatenate([np.asarray(part, dtype=float) for part in everything.values()])
    deviation = float(values.std())
    return float(np.clip((np.mean(own) - values.mean()) / deviation, -2, 2)) if deviation > 0 else 0.0
