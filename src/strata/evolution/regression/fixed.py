"""Judging whole files: as many items as there are, looked at once."""

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtr, stdtrit

from strata.errors import StrataError
from strata.evolution.regression.findings import Tested, findings
from strata.evolution.regression.intervals import drop_p_value, fixed_interval, holm, margin_p_value, sign_flip_p_value
from strata.evolution.regression.judgement import Finding, Judgement, Overall, conclude
from strata.evolution.regression.pairs import Pair, pair
from strata.evolution.regression.policy import GatePolicy
from strata.evolution.regression.shift import shifted_domains
from strata.evolution.regression.summary import BoolArray, FloatArray, Summary
from strata.evolution.regression.tally import Tally, count, summarize
from strata.evolution.scores import ItemScore

_SYMMETRY = 100
"""Clusters below which a drop of scores that are not binary is tested by sign flips: Student's t trusts in the central
limit, flips do not."""


class NoScores(StrataError):
    """There is nothing to judge."""


def judge(
    baseline: Sequence[ItemScore],
    candidate: Sequence[ItemScore],
    policy: GatePolicy | None = None,
    anchor: Sequence[ItemScore] | None = None,
    *,
    names: tuple[str, str, str] = ("the baseline", "the candidate", "the anchor"),
) -> Judgement:
    """The verdict on all these items. The error rates hold if how many there are was not chosen by their scores.

    A domain is sound when the margin is rejected at level beta, and has dropped when no difference is rejected at level
    alpha by Holm over the domains and it is not sound. Raises UnpairedScores, NoScores.
    """
    policy = policy or GatePolicy()
    pairs = pair(baseline, candidate, anchor, names=names)
    if not pairs:
        raise NoScores("there are no scores to judge")
    domains = list(dict.fromkeys(each.domain for each in pairs))
    margins = policy.margins_of(domains)
    counted = _counted(pairs, domains, anchor=False)
    found = _findings(counted, margins, policy)
    against = _findings(_counted(pairs, domains, anchor=True), margins, policy) if anchor is not None else ()
    overall = _overall(summarize(counted.values()), policy)
    return conclude(policy, found, against, overall, shifted_domains(counted, policy.shift_share), watched=False)


def states(
    summary: Summary, p_drop: FloatArray, margins: FloatArray, policy: GatePolicy
) -> tuple[BoolArray, BoolArray]:
    """Which domains are sound and which have dropped, shapes (..., domains); `p_drop` before adjustment."""
    enough = summary.binary | (summary.clusters >= policy.fewest_clusters)
    sound = enough & (margin_p_value(summary, margins) <= policy.beta)
    return sound, enough & ~sound & (holm(p_drop) <= policy.alpha)


def _counted(pairs: Sequence[Pair], domains: Sequence[str], *, anchor: bool) -> dict[str, Tally]:
    tallies = {domain: Tally() for domain in domains}
    count(pairs, tallies, anchor=anchor)
    return tallies


def _findings(counted: dict[str, Tally], margins: FloatArray, policy: GatePolicy) -> tuple[Finding, ...]:
    summary = summarize(counted.values())
    p_drop = drop_p_value(summary)
    for index, tally in enumerate(counted.values()):
        if not summary.binary[index] and summary.clusters[index] < _SYMMETRY:
            p_drop[index] = sign_flip_p_value(tally.sums)
    sound, dropped = states(summary, p_drop, margins, policy)
    low, high = fixed_interval(summary, 1 - 2 * policy.beta)
    fixed = policy.fixed_items(len(counted), summary.variance(1.0) * summary.items, margins)
    needed = np.maximum(fixed, policy.fewest_clusters) - summary.items
    tested = Tested(low, high, holm(p_drop), margin_p_value(summary, margins), sound, dropped, needed)
    return findings(counted, summary, margins, tested)


def better_p_value(summary: Summary) -> FloatArray:
    """P-value of an overall gain, shape (...): Student's t of the mean over domains.

    Degrees of freedom by Satterthwaite (1946). Where every difference is the same there is nothing to test with: 1.
    """
    mean, error, freedom = _stratified(summary)
    return np.where(error > 0, 1 - stdtr(freedom, mean / np.where(error > 0, error, 1.0)), 1.0)


def _stratified(summary: Summary) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean over domains, its standard error and its degrees of freedom."""
    each = summary.variance()
    total, freedom = each.sum(axis=-1), np.maximum(summary.clusters - 1, 1)
    pooled = total**2 / np.maximum((each**2 / freedom).sum(axis=-1), 1e-300)
    return summary.difference.mean(axis=-1), np.sqrt(total) / each.shape[-1], np.maximum(pooled, 1.0)


def _overall(summary: Summary, policy: GatePolicy) -> Overall:
    mean, error, freedom = (float(value) for value in _stratified(summary))
    p_better = float(better_p_value(summary))
    half = float(stdtrit(freedom, 1 - policy.beta)) * error
    better = p_better <= policy.alpha
    items = float(summary.items.mean())
    needed = policy.gain_items(items * error**2) - items
    return Overall(mean, mean - half, mean + half, p_better, better, 0 if better else max(0, int(np.ceil(needed))))
