"""Pairs of models for tests: right or wrong by item, with a true difference."""

import numpy as np

from strata.evolution.regression import Pair
from strata.evolution.scores import ItemScore


def draw(random, domain, count, delta, psi=0.15, start=0, cluster=None, anchor=None):
    """`count` pairs; the models differ on a share `psi`, the candidate's mean is `delta` higher."""
    pairs = []
    for number in range(start, start + count):
        both, where = float(random.random() < 0.6), random.random()
        before, after = both, both
        if where < psi:
            before, after = (0.0, 1.0) if where < (psi + delta) / 2 else (1.0, 0.0)
        name = None if cluster is None else f"template {number // cluster}"
        third = None if anchor is None else (after if anchor == 0 else float(random.random() < anchor))
        pairs.append(Pair(domain, f"item {number}", name, before, after, third))
    return pairs


def scores(pairs):
    """The baseline's and the candidate's results, as files hold them."""
    return tuple(
        [ItemScore(each.domain, each.item, getattr(each, side), each.cluster) for each in pairs]
        for side in ("baseline", "candidate")
    )


def fixed_pairs(domain, both, gained, lost, neither=0):
    """Pairs with exactly these counts."""
    kinds = [(1.0, 1.0)] * both + [(0.0, 1.0)] * gained + [(1.0, 0.0)] * lost + [(0.0, 0.0)] * neither
    return [Pair(domain, f"item {at}", None, before, after) for at, (before, after) in enumerate(kinds)]


def generator(seed):
    """A seeded generator."""
    return np.random.default_rng(seed)
