"""A genetic algorithm on Pareto ranks (NSGA-II: Deb et al. 2002), with niches for diversity."""

from dataclasses import dataclass

import numpy as np

from strata.evolution.search.genome import Genome, distance, draw
from strata.evolution.search.pareto import best_order
from strata.evolution.search.trials import Past
from strata.evolution.search.variation import cross, mutate, tournament


@dataclass(frozen=True)
class Genetic:
    """Tournaments among the `population` best, crossover by block, mutation.

    Half of the tournaments go by fitness, half by front and loneliness. Of two genomes nearer than `niche` only the
    better one may become a parent.
    """

    population: int = 16
    tournament: int = 3
    crossover: float = 0.7
    step: float = 0.2
    niche: float = 0.02
    name: str = "genetic"

    def propose(self, past: Past, count: int, random: np.random.Generator) -> list[Genome]:
        """Children of the best so far; random ones while there are fewer than two."""
        by_fitness = niches(past, past.ranking, self.niche, self.population)
        by_front = niches(past, best_order(past.scores), self.niche, self.population) if past.scored else []
        if len(by_fitness) < 2:
            return [draw(past.space, random) for _ in range(count)]
        children = []
        for _ in range(count):
            order = by_fitness if random.random() < 0.5 else by_front
            child = tournament(past, order, self.tournament, random).genome
            if random.random() < self.crossover:
                child = cross(past.space, child, tournament(past, order, self.tournament, random).genome, random)
            children.append(mutate(past.space, child, self.step, random))
        return children


def niches(past: Past, order: "np.typing.NDArray[np.int64]", radius: float, most: int) -> list[int]:
    """The first `most` positions of `order` that are not within `radius` of one taken before."""
    taken: list[int] = []
    for position in order.tolist():
        genome = past.scored[position].genome
        if all(distance(past.space, genome, past.scored[other].genome) >= radius for other in taken):
            taken.append(position)
        if len(taken) == most:
            break
    return taken
