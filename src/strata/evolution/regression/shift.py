"""The second detector: has the distribution of scores moved down somewhere, whatever its mean did?

One-sided distance between the distributions of the candidate's scores and the reference's, of items or of the means of
clusters: the largest excess of the candidate's share at or below any value, in units of its own standard deviation
(Kolmogorov-Smirnov with the weight of Anderson and Darling 1952, which sees the tails). A candidate that is nowhere
worse has none, so an honest improvement is no shift; templates that collapse while gains elsewhere keep the mean are
one. Its law comes from exchanging the two models' scores cluster by cluster, which is exact where neither model is
better. For binary scores without clusters that is McNemar's exact test of a drop, so nothing is drawn.

It shares neither statistic nor variance with the gate's other tests, and can only hold up a promotion.
"""

from collections.abc import Mapping

import numpy as np

from strata.evolution.regression.intervals import mcnemar
from strata.evolution.regression.summary import FloatArray
from strata.evolution.regression.tally import Tally

EXCHANGES, _BLOCK = 2_000, 100
_MOST_VALUES = 200
"""Scores at which the distance is looked at: quantiles, where there are more."""


def shifted_domains(counted: Mapping[str, Tally], share: float) -> tuple[str, ...]:
    """Domains in which a shift is seen, so that a candidate that is nowhere worse is held up at most by this share."""
    return tuple(domain for domain, tally in counted.items() if shift_p_value(tally) <= share / len(counted))


def shift_p_value(tally: Tally, seed: int = 0) -> float:
    """P-value of a downward shift in one domain; 1 where the models do not differ."""
    if tally.binary:
        up, down = (np.asarray(np.sum(sign * tally.differences > 0), dtype=np.float64) for sign in (1, -1))
        return float(mcnemar(up, down))
    excess = _excess(tally.means(tally.reference), tally.means(tally.candidate), tally.sizes)
    if not len(excess):
        return 1.0
    excess /= np.maximum(np.sqrt((excess**2).sum(axis=0)), 1.0)
    observed, random, reached = excess.sum(axis=0).max(), np.random.default_rng(seed), 0
    for _ in range(EXCHANGES // _BLOCK):
        signs = random.integers(0, 2, (_BLOCK, len(excess))) * 2.0 - 1
        reached += int(np.sum((signs @ excess).max(axis=1) >= observed - 1e-9))
    return (1 + reached) / (1 + EXCHANGES)


def _excess(reference: FloatArray, candidate: FloatArray, sizes: FloatArray) -> FloatArray:
    """Items of the candidate at or below each value minus the reference's, by cluster, where the two differ."""
    values = np.unique(np.concatenate([reference, candidate]))
    if len(values) > _MOST_VALUES:
        values = values[np.linspace(0, len(values) - 1, _MOST_VALUES).astype(int)]
    differ = candidate != reference
    at_most = [(scores[differ, None] <= values) * sizes[differ, None] for scores in (candidate, reference)]
    return np.asarray(at_most[0] - at_most[1], dtype=np.float64)
