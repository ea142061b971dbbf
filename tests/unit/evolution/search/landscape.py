"""A synthetic landscape for tests of strategies: no model, no measurement; scores follow from the genes by formula."""

import numpy as np

from strata.evolution.search.genome import Space

PARENTS = tuple(letter * 64 for letter in "abcd")
BASE = "e" * 64
ALL = ("linear", "slerp", "task_arithmetic", "ties", "breadcrumbs")
GOOD = "task_arithmetic"


def space(methods=ALL, parents=PARENTS, base=BASE, layers=3, **options):
    return Space(parents, base, layers, methods, **options)


def scores(where, genome, noise=0.0, seed=0):
    """Best with GOOD and its weights near .3, .5, .7, .9, by parent; each domain minds one parent the most."""
    random = np.random.default_rng([seed, *map(int, 1000 * genome.array())])
    weights = np.zeros((len(where.parents), len(where.blocks)))
    rows = list(genome.parents)
    weights[rows] = where.weights(genome.array())[rows]
    wanted = np.linspace(0.3, 0.9, len(where.parents))[:, None]
    missed = ((weights - wanted) ** 2).mean(1)
    level = 0.8 - 0.1 * (genome.method != GOOD)
    domains = ("coding", "math", "reasoning", "language")
    return {
        domain: float(level - missed[i % len(missed)] - 0.3 * missed.mean() + random.normal(0, noise))
        for i, domain in enumerate(domains)
    }
