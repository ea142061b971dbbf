"""What has been tried, and how it did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strata.evolution.history import FITNESS_WEIGHTS
from strata.evolution.search.genome import Genome, Space
from strata.evolution.search.pareto import crowding, fronts


@dataclass(frozen=True)
class Trial:
    """A genome and its scores by domain on the search items; None: it failed (merge or evaluation)."""

    genome: Genome
    scores: Mapping[str, float] | None
    generation: int


@dataclass(frozen=True)
class Past:
    """All that a strategy may know.

    `rewards`: what each technique gained over its parents in runs before this one, from a ledger or a history file.
    """

    space: Space
    trials: tuple[Trial, ...] = ()
    weights: Mapping[str, float] = field(default_factory=lambda: FITNESS_WEIGHTS)
    rewards: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @cached_property
    def scored(self) -> tuple[Trial, ...]:
        """Trials that did not fail."""
        return tuple(trial for trial in self.trials if trial.scores is not None)

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Scored trials by domains, in the order of `weights`."""
        rows = [[trial.scores[domain] for domain in self.weights] for trial in self.scored if trial.scores is not None]
        return np.array(rows).reshape(len(rows), len(self.weights))

    @cached_property
    def fitness(self) -> NDArray[np.float64]:
        """Of the scored trials."""
        return np.asarray(self.scores @ np.array(list(self.weights.values())))

    @cached_property
    def genes(self) -> NDArray[np.float64]:
        """Scored trials by genes."""
        return np.array([trial.genome.genes for trial in self.scored]).reshape(len(self.scored), self.space.size)

    @cached_property
    def generations(self) -> int:
        """Number of generations that were told."""
        return 1 + max((trial.generation for trial in self.trials), default=-1)

    @cached_property
    def ranking(self) -> NDArray[np.int64]:
        """Positions of scored trials, the fittest first."""
        return np.argsort(-self.fitness, kind="stable")

    @property
    def best(self) -> Trial | None:
        """The fittest trial so far."""
        return self.scored[int(self.ranking[0])] if self.scored else None

    def front(self, most: int) -> tuple[Trial, ...]:
        """Scored trials that no other dominates; of more than `most`, the loneliest ones."""
        if not self.scored:
            return ()
        members = np.flatnonzero(fronts(self.scores) == 0)
        lonely = crowding(self.scores[members])
        kept = members[np.argsort(-lonely, kind="stable")[:most]]
        return tuple(self.scored[int(position)] for position in np.sort(kept))
