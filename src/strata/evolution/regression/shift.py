"""The second detector: has the distribution of an item's score moved down somewhere, whatever its mean did?

One-sided Kolmogorov-Smirnov distance between the candidate's scores and the reference's: the largest excess of the
candidate's share of scores at or below any value. A candidate that is better item by item has none, so that an honest
improvement is not a shift, while a mean that is kept by many small gains against a few collapses is. Its law comes from
exchanging the two models' scores within pairs, cluster by cluster, which is exact where neither model is better. For
binary scores the distance is the drop of the mean and that law is binomial, so no flips are drawn.

It shares neither the statistic nor the variance with the gate's other tests, and can only hold up a promotion.
"""

from collections.abc import Mapping

import numpy as np

from strata.evolution.regression.intervals import mcnemar
from strata.evolution.regression.summary import FloatArray
from strata.evolution.regression.tally import Tally

EXCHANGES = 999
_WIDEST = 200  # values at which the distance is looked at


def shift_p_value(tally: Tally, seed: int = 0) -> float:
    """P-value of a downward shift in one domain; 1 without items."""
    if not tally.candidate:
        return 1.0
    if tally.binary:
        up, down = (np.asarray(np.sum(sign * tally.differences > 0), dtype=np.float64) for sign in (1, -1))
        return float(mcnemar(up, down))
    excess = _excess_by_cluster(tally)
    observed = excess.sum(axis=0).max()
    random = np.random.default_rng(seed)
    signs = random.integers(0, 2, (EXCHANGES, len(excess)), dtype=np.int8) * np.float32(2) - 1
    drawn = np.concatenate([(part @ excess).max(axis=1) for part in np.array_split(signs, 10)])
    return float((1 + np.sum(drawn >= observed - 1e-6)) / (1 + EXCHANGES))


def shifted_domains(counted: Mapping[str, Tally], share: float) -> tuple[str, ...]:
    """Domains in which a shift is seen, so that a candidate that is nowhere worse is held up at most by this share."""
    return tuple(domain for domain, tally in counted.items() if shift_p_value(tally) <= share / len(counted))


def _excess_by_cluster(tally: Tally) -> FloatArray:
    """Candidate's count of scores at or below each value minus the reference's, shape (clusters, values)."""
    reference, candidate = np.array(tally.reference), np.array(tally.candidate)
    values = np.unique(np.concatenate([reference, candidate]))
    if len(values) > _WIDEST:
        values = values[np.linspace(0, len(values) - 1, _WIDEST).astype(int)]
    excess = np.zeros((len(tally.sums), len(values) + 1), dtype=np.float32)
    for scores, sign in ((candidate, 1.0), (reference, -1.0)):
        np.add.at(excess, (np.array(tally.labels), np.searchsorted(values, scores)), np.float32(sign))
    return np.asarray(np.cumsum(excess, axis=1)[:, :-1])
