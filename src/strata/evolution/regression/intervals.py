"""Tests and intervals of a paired mean difference, for samples of fixed size and for samples that were watched."""

import numpy as np
from scipy.special import bdtr, ndtr, ndtri, stdtr, stdtrit

from strata.evolution.regression.summary import FloatArray, Summary

FLIPS = 9_999


def mcnemar(gained: FloatArray, lost: FloatArray) -> FloatArray:
    """Exact one-sided p-value of a drop (McNemar 1947): at most `gained` of gained + lost fair coins."""
    return np.asarray(bdtr(gained, (gained + lost).astype(np.int64), 0.5), dtype=np.float64)


def tango_score(items: FloatArray, gained: FloatArray, lost: FloatArray, difference: FloatArray) -> FloatArray:
    """Tango's score statistic of P(gained) - P(lost) = `difference`; standard normal where that is true.

    Tango (1998), "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17: (gained - lost - n difference) over its deviation at the constrained maximum.
    """
    linear = -gained - lost + (2 * items - gained + lost) * difference
    root = np.sqrt(np.maximum(linear**2 + 8 * items * lost * difference * (1 - difference), 0.0))
    losing = np.maximum((root - linear) / (4 * items), 0.0)
    variance = np.maximum(items * (2 * losing + difference * (1 - difference)), 1e-12)
    return np.asarray((gained - lost - items * difference) / np.sqrt(variance), dtype=np.float64)


def tango(items: FloatArray, gained: FloatArray, lost: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """The differences that Tango's score test does not reject, two-sided at confidence `level`, by bisection."""
    quantile = ndtri((1 + level) / 2)
    estimate = (gained - lost) / items
    ends = []
    for end, sign in ((-1.0, 1.0), (1.0, -1.0)):  # the score falls in the difference: positive below the estimate
        outside, inside = np.full_like(estimate, end), estimate.copy()
        for _ in range(60):
            middle = (outside + inside) / 2
            rejected = sign * tango_score(items, gained, lost, middle) > quantile
            outside, inside = np.where(rejected, middle, outside), np.where(rejected, inside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def drop_p_value(summary: Summary) -> FloatArray:
    """One-sided p-value of no drop: exact McNemar where the law is trinomial, otherwise Student's t over clusters."""
    gained, lost = (np.where(summary.binary, flips, 0.0) for flips in (summary.gained, summary.lost))
    return np.where(summary.binary, mcnemar(gained, lost), student_p_value(summary, np.zeros_like(summary.total)))


def sign_flip_p_value(sums: FloatArray, seed: int = 0) -> float:
    """One-sided p-value of a drop: how often the clusters' sums, with signs by coin, add up to as little.

    Exact (Fisher 1935) if without a difference a sum is as likely as its negative, however heavy its tails.
    """
    signs = np.random.default_rng(seed).integers(0, 2, (FLIPS, len(sums))) * 2 - 1
    return float((1 + np.sum(signs @ sums <= sums.sum() + 1e-12)) / (1 + FLIPS))


def margin_p_value(summary: Summary, margins: FloatArray) -> FloatArray:
    """One-sided p-value of a drop of the margin or more: Tango's score where trinomial, otherwise Student's t."""
    gained, lost = (np.where(summary.binary, flips, 0.0) for flips in (summary.gained, summary.lost))
    scored = ndtr(-tango_score(summary.items, gained, lost, -margins))
    return np.where(summary.binary, scored, 1 - student_p_value(summary, -margins))


def student_p_value(summary: Summary, mean: FloatArray) -> FloatArray:
    """P(T <= t) for true mean `mean`; t has clusters - 1 degrees of freedom. Equal differences leave no doubt."""
    distance, error = summary.difference - mean, np.sqrt(summary.variance())
    limit = np.where(distance == 0, 0.5, np.where(distance > 0, 1.0, 0.0))
    value = stdtr(np.maximum(summary.clusters - 1, 1), distance / np.where(error > 0, error, 1.0))
    known = (error > 0) & (summary.clusters > 1)
    return np.where(known, value, np.where(summary.clusters > 1, limit, 0.5))


def fixed_interval(summary: Summary, level: float) -> tuple[FloatArray, FloatArray]:
    """For a sample whose size did not depend on the data: Tango's where trinomial, otherwise Student's t."""
    gained, lost = (np.where(summary.binary, flips, 0.0) for flips in (summary.gained, summary.lost))
    low, high = tango(summary.items, gained, lost, level)
    quantile = stdtrit(np.maximum(summary.clusters - 1, 1), (1 + level) / 2)
    half = np.where(summary.clusters > 1, quantile * np.sqrt(summary.variance()), np.inf)
    mean = summary.difference
    return np.where(summary.binary, low, mean - half), np.where(summary.binary, high, mean + half)


def watched_interval(
    mean: FloatArray, variance: FloatArray, spread: FloatArray, level: float
) -> tuple[FloatArray, FloatArray]:
    """A confidence sequence: covers the true mean at all looks together with probability `level`.

    Robbins' normal mixture with prior deviation `spread` (Robbins 1970), in its asymptotic form for estimated variances
    (Waudby-Smith et al. 2024). Wider than an interval of fixed size, as it must be after optional stopping.
    """
    ratio = 1 + spread**2 / np.maximum(variance, 1e-300)
    half = np.sqrt(variance * (1 + variance / spread**2) * (np.log(ratio) - 2 * np.log(1 - level)))
    return mean - half, mean + half


def holm(p_values: FloatArray) -> FloatArray:
    """Holm's (1979) step-down adjustment over the last axis: the family-wise error is kept whatever the dependence."""
    order = np.argsort(p_values, axis=-1)
    count = p_values.shape[-1]
    stepped = np.take_along_axis(p_values, order, axis=-1) * (count - np.arange(count))
    adjusted = np.empty_like(p_values)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(stepped, axis=-1), 1.0), axis=-1)
    return adjusted
