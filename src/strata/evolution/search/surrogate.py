"""What scores to expect of a recipe that was not tried: a Gaussian process for each domain.

What a merge does depends on how far the model goes along each parent's task vector, first over all (one number a
parent), then by part of the model. The kernel has a term for each of these scales, so that few trials say much about
parents while single blocks still count (an additive kernel: Duvenaud et al. 2011). Its hyperparameters are those of
highest marginal likelihood on a small grid (Rasmussen and Williams 2006, chapter 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from strata.evolution.search.genome import Genome, Space
from strata.evolution.search.trials import Past

Array = NDArray[np.float64]
_LENGTHS = (0.15, 0.3, 0.6)
_NOISES = (0.1, 0.3, 0.8)  # by standard deviation of the scores
_MIXES = ((0.7, 0.2, 0.1), (0.4, 0.4, 0.2), (0.4, 0.2, 0.4))  # parent, part of the model, technique
_JITTER = 1e-6


@dataclass(frozen=True)
class Features:
    """Of several genomes. `steps`: by parent and block, 0 for parents left out; `kept`: densities; `methods`: names."""

    steps: Array
    kept: Array
    methods: NDArray[np.str_]


def features(space: Space, genomes: Sequence[Genome]) -> Features:
    """What the kernel compares."""
    steps = np.zeros((len(genomes), len(space.parents), len(space.blocks)))
    kept = np.ones_like(steps)
    for i, genome in enumerate(genomes):
        technique, rows, genes = genome.technique, list(genome.parents), genome.array()
        weights = space.weights(genes)[rows]
        scale = 1.0
        if technique.scale and technique.scale[0] == "lambda":
            low, high = technique.scale[1]
            scale = low + (high - low) * float(genes[-1])
        if technique.blend and len(rows) == 2:
            steps[i, rows] = np.stack([1 - weights[-1], weights[-1]])
        elif technique.weight:
            low, high = technique.weight
            values = low + (high - low) * weights
            shared = low > 0  # a mean: what counts are shares
            steps[i, rows] = scale * (values / values.sum(0) if shared else values)
        else:
            steps[i, rows] = 1 / len(rows)
        if technique.density:
            low, high = technique.density
            kept[i, rows] = low + (high - low) * space.densities(genes)[rows]
    return Features(steps, kept, np.array([genome.method for genome in genomes]))


def kernel(one: Features, other: Features, length: float, mix: tuple[float, float, float]) -> Array:
    """Prior correlation of the scores of every genome of `one` with every one of `other`."""
    by_parent = _near(one.steps.mean(2), other.steps.mean(2), length * 1.5)
    by_block = _near(_flat(one.steps), _flat(other.steps), length * 2)
    density = _near(one.kept.mean(2), other.kept.mean(2), 0.5)
    method = (one.methods[:, None] == other.methods[None, :]).astype(float)
    parent, part, technique = mix
    return np.asarray(parent * by_parent + part * by_block * density + technique * method * by_parent)


def draw_scores(
    past: Past, genomes: Sequence[Genome], worlds: int, random: np.random.Generator, boldness: float = 1.0
) -> Array:
    """Fitness of `genomes` in `worlds` draws from the posterior, worlds by genomes. Needs two scored trials.

    `boldness`: how much of the posterior's spread the draws have; with 0 they are its mean.
    """
    known = features(past.space, [trial.genome for trial in past.scored])
    new = features(past.space, genomes)
    total = np.zeros((worlds, len(genomes)))
    for column, weight in zip(past.scores.T, past.weights.values(), strict=True):
        mean, covariance = _posterior(known, column, new)
        root = np.linalg.cholesky(covariance + _jitter(covariance))
        total += weight * (mean + boldness * random.standard_normal((worlds, len(mean))) @ root.T)
    return total


def _posterior(known: Features, scores: Array, new: Features) -> tuple[Array, Array]:
    centre, spread = float(scores.mean()), max(float(scores.std()), 1e-4)
    targets = (scores - centre) / spread
    best, chosen = -np.inf, None
    for length, mix in product(_LENGTHS, _MIXES):
        inside = kernel(known, known, length, mix)
        for noise in _NOISES:
            root = np.linalg.cholesky(inside + noise**2 * np.eye(len(targets)))
            halfway = np.linalg.solve(root, targets)
            evidence = -0.5 * float(halfway @ halfway) - float(np.log(np.diag(root)).sum())
            if evidence > best:
                best, chosen = evidence, (length, mix, root, halfway)
    assert chosen is not None
    length, mix, root, halfway = chosen
    explained = np.linalg.solve(root, kernel(known, new, length, mix))
    covariance = kernel(new, new, length, mix) - explained.T @ explained
    return centre + spread * halfway @ explained, spread**2 * covariance


def _jitter(covariance: Array) -> Array:
    """What keeps rounding from making a covariance indefinite."""
    size = len(covariance)
    return np.eye(size) * max(_JITTER * float(np.trace(covariance)) / size, 1e-12)


def _flat(values: Array) -> Array:
    """Root mean square differences, whatever the number of blocks."""
    return np.asarray(values.reshape(len(values), -1) / values.shape[2] ** 0.5)


def _near(one: Array, other: Array, length: float) -> Array:
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None, :] - 2 * one @ other.T
    return np.asarray(np.exp(-0.5 * np.maximum(squares, 0) / length**2))
