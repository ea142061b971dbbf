"""How new genomes come from old ones."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from strata.evolution.search.genome import Genome, Space, make
from strata.evolution.search.trials import Past, Trial

_EXCHANGE = 0.15  # chance of a parent to come or go in a mutation


def mutate(space: Space, genome: Genome, step: float, random: np.random.Generator) -> Genome:
    """Shift what belongs together: all blocks of a parent, a part of the model for all parents, or single genes.

    `step`: standard deviation of a shift. The merge effect of single blocks is small and blurred by noise; that of a
    parent, or of all attention weights, is what a few evaluations can see.
    """
    shift = np.zeros(space.size)
    for part in (space.weights(shift), space.densities(shift)):
        rows, columns = part.shape
        for shape, chance, size in (((rows, 1), 0.5, step), ((1, columns), 0.3, step / 2), (part.shape, 0.3, step / 2)):
            part[:] += random.normal(0, size, shape) * (random.random(shape) < chance)
    shift[-1] = random.normal(0, step)
    return make(space, genome.method, exchange(space, genome.parents, random), genome.array() + shift, random)


def exchange(space: Space, parents: Sequence[int], random: np.random.Generator) -> tuple[int, ...]:
    """The same parents, or (at times) one more, one fewer, or another one."""
    chosen = set(parents)
    for change in random.permutation(len(space.parents))[:2]:
        if random.random() < _EXCHANGE:
            chosen ^= {int(change)}
    return tuple(sorted(chosen))


def cross(space: Space, one: Genome, other: Genome, random: np.random.Generator) -> Genome:
    """Every block of every parent from one of the two, whole; the method from the first, parents from either."""
    genes, theirs = one.array(), other.array()
    taken = random.random((len(space.parents), len(space.blocks))) < 0.5
    for part in (space.weights, space.densities):
        part(genes)[taken] = part(theirs)[taken]
    genes[-1] = random.choice([genes[-1], theirs[-1]])
    parents = one.parents if random.random() < 0.5 else other.parents
    return make(space, one.method, parents, genes, random)


def average(genes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centre of genomes, best first, weighted as CMA-ES weighs its parents (Hansen and Ostermeier 2001)."""
    weights = np.log(len(genes) + 0.5) - np.log(np.arange(1, len(genes) + 1))
    return np.asarray(weights @ genes / weights.sum())


def tournament(past: Past, order: Sequence[int], size: int, random: np.random.Generator) -> Trial:
    """The one that comes first in `order` (positions of scored trials) among `size` of them drawn at random."""
    return past.scored[order[int(random.integers(len(order), size=size).min())]]
