"""CMA-ES over weights and densities (Hansen and Ostermeier 2001; library `cma`), for one technique and its parents."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strata.evolution.search.genome import Genome, draw, make, used
from strata.evolution.search.trials import Past

_LEAST_POPULATION = 4  # cma's recombination needs two parents


@dataclass(frozen=True)
class CmaEs:
    """After `opening` generations of random recipes, the technique and the parents of the fittest are kept, and
    CMA-ES goes on from its genes with steps of `step`.

    The evolution's state is not stored: it follows from the trials, which are told again. The covariance is a
    diagonal (Ros and Hansen 2008), because a search of merges sees fewer trials than a full one has entries.
    """

    opening: int = 2
    step: float = 0.2
    name: str = "cma-es"

    def propose(self, past: Past, count: int, random: np.random.Generator) -> list[Genome]:
        """The next `count` samples."""
        first = [i for i, trial in enumerate(past.scored) if trial.generation < self.opening]
        if past.generations < self.opening or not first:
            return [draw(past.space, random) for _ in range(count)]
        best = past.scored[max(first, key=lambda i: past.fitness[i])].genome
        mask = used(past.space, best)
        if not mask.any():
            return []  # a method without parameters: nothing to adapt
        later = [
            i
            for i, trial in enumerate(past.scored)
            if trial.generation >= self.opening
            and (trial.genome.method, trial.genome.parents) == (best.method, best.parents)
        ]
        size = max(count, _LEAST_POPULATION)
        later = later[len(later) % size :]
        samples = _sample(
            best.array()[mask],
            self.step,
            told=past.genes[later][:, mask],
            fitness=past.fitness[later],
            size=size,
            random=random,
        )
        children = []
        for sample in samples[:count]:
            genes = best.array()
            genes[mask] = sample
            children.append(make(past.space, best.method, best.parents, genes, random))
        return children


def _sample(
    start: NDArray[np.float64],
    step: float,
    *,
    told: NDArray[np.float64],
    fitness: NDArray[np.float64],
    size: int,
    random: np.random.Generator,
) -> list[NDArray[np.float64]]:
    """`size` samples of the evolution that began at `start` and was told `told`, in chunks of `size`."""
    import cma

    if len(start) == 1:  # cma has no one-dimensional search: a second gene that nothing depends on
        start, told = np.append(start, 0.5), np.column_stack([told, np.full(len(told), 0.5)])
    options: dict[str, Any] = {
        "bounds": [0, 1],
        "popsize": size,
        "CMA_diagonal": True,
        "verbose": -9,
        "seed": np.nan,  # or cma would seed numpy's global generator
        "randn": lambda *shape: random.standard_normal(shape),
    }
    evolution = cma.CMAEvolutionStrategy(start, step, options)
    if len(told):
        evolution.feed_for_resume(list(told), list(-fitness))
    return list(evolution.ask())
