"""When to stop drawing items: sequential tests of every domain and of the overall gain, for many runs at once.

In each domain a generalised sequential probability ratio test (Wald 1945; with nuisance parameters at their
constrained maximum, as Van den Bergh's "A practical introduction to the GSPRT" does for chess engines) of mean
difference -margin against 0. The ratio is the exact trinomial one for binary scores and Student's, with cluster-robust
variance, for all others. Overall the same test of mean difference `gain` against 0. Arrays have shape (..., domains) or
(...): one gate and ten thousand simulated ones go through the same lines.

A domain that reaches `cap` times the items of a fixed-size test undecided is settled by that test's critical value. The
boundaries spend less than alpha and beta, so that what this adds stays within them: how much less was found by
simulation and is checked by tests/benchmarks/gate.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, xlogy

from strata.evolution.regression.policy import GatePolicy
from strata.evolution.regression.summary import BoolArray, FloatArray, Summary

IntArray = NDArray[np.int8]
OPEN, YES, NO = np.int8(0), np.int8(1), np.int8(-1)

# Shares of alpha and beta that the boundaries spend; the rest pays for decisions at the cap and for approximation.
ALPHA_SHARE, BETA_SHARE = 0.7, 0.6
# Residuals of full size that are assumed beside those seen; see Summary.variance.
PSEUDO = 1.0


@dataclass(frozen=True)
class Course:
    """Where runs stand: YES, NO or OPEN.

    `sound`: the domain did not drop by its margin, shape (..., domains). `anchored`: the same against the anchor; all
    YES without one. `better`: the mean over domains is higher, shape (...). What is settled stays so.
    """

    sound: IntArray
    anchored: IntArray
    better: IntArray

    @classmethod
    def begin(cls, shape: tuple[int, ...], *, anchor: bool) -> "Course":
        """Nothing decided; `shape` is (..., domains)."""
        return cls(np.full(shape, OPEN), np.full(shape, OPEN if anchor else YES), np.full(shape[:-1], OPEN))


def log_ratio(mean: FloatArray, variance: FloatArray, clusters: FloatArray, alternative: FloatArray) -> FloatArray:
    """Log likelihood ratio of true mean `alternative` against 0 for an estimate with that variance.

    The variance is profiled out, as in Student's t: a variance that came out too small by chance, from few clusters,
    cannot make the ratio explode.
    """
    freedom = np.maximum(clusters - 1, 1)
    scale = np.maximum(variance * freedom, 1e-300)
    ratio = (scale + mean**2) / (scale + (mean - alternative) ** 2)
    return np.asarray(clusters / 2 * np.log(ratio), dtype=np.float64)


def trinomial_log_ratio(items: FloatArray, gained: FloatArray, lost: FloatArray, drop: FloatArray) -> FloatArray:
    """Log likelihood ratio of P(gained) - P(lost) = -drop against 0, each at its constrained maximum.

    The maximum is the closed form of Tango (1998), a root of a quadratic.
    """
    same, flips = items - gained - lost, gained + lost
    linear = flips * (1 + drop) + 2 * drop * (items - gained)
    root = np.sqrt(np.maximum(linear**2 - 8 * items * lost * drop * (1 + drop), 0.0))
    losing = np.clip((linear + root) / (4 * np.maximum(items, 1)), drop, (1 + drop) / 2)
    dropped = xlogy(gained, losing - drop) + xlogy(lost, losing) + xlogy(same, 1 - 2 * losing + drop)
    half = flips / (2 * np.maximum(items, 1))
    return np.asarray(dropped - xlogy(flips, half) - xlogy(same, 1 - 2 * half), dtype=np.float64)


def drop_evidence(summary: Summary, margins: FloatArray) -> FloatArray:
    """Log likelihood ratio of a drop of the margin against no difference, shape (..., domains)."""
    general = log_ratio(summary.difference, summary.variance(PSEUDO), summary.clusters, -margins)
    # Flips are counts only where the law is trinomial; elsewhere the branch is computed on nothing and not taken.
    gained, lost = np.where(summary.binary, summary.gained, 0.0), np.where(summary.binary, summary.lost, 0.0)
    return np.where(summary.binary, trinomial_log_ratio(summary.items, gained, lost, margins), general)


def gain_evidence(summary: Summary, gain: float) -> FloatArray:
    """Log likelihood ratio of an overall gain against none, shape (...): the unweighted mean over domains."""
    domains = summary.items.shape[-1]
    variance = summary.variance(PSEUDO).sum(axis=-1) / domains**2
    clusters = summary.clusters.sum(axis=-1) - domains + 1
    return log_ratio(summary.difference.mean(axis=-1), variance, clusters, np.asarray(gain))


def ready(summary: Summary, policy: GatePolicy) -> BoolArray:
    """Whether a domain has enough items, and clusters, for anything to be decided."""
    return (summary.items >= policy.fewest_items) & (summary.clusters >= policy.fewest_clusters)


def cap_of(summary: Summary, margins: FloatArray, policy: GatePolicy) -> FloatArray:
    """Items at which a domain is settled whatever the evidence, by the variance seen so far."""
    each = summary.variance(PSEUDO) * summary.items
    fixed = policy.fixed_items(margins.shape[-1], each, margins)
    return np.maximum(np.ceil(policy.cap * fixed), policy.fewest_items)


def drop_threshold(policy: GatePolicy, hypotheses: int) -> float:
    """Evidence at which a drop is declared when this many domains are tested."""
    return float(-np.log(ALPHA_SHARE * policy.alpha / hypotheses))


def cap_threshold(policy: GatePolicy, domains: int) -> float:
    """Evidence from which a domain at the cap counts as dropped: where the test of fixed size has its critical value.

    With z for quantiles that value is a drop of margin * z_alpha / (z_alpha + z_beta). At `cap` times that test's size
    the log likelihood ratio there is cap * (z_alpha^2 - z_beta^2) / 2.
    """
    return float(policy.cap * (ndtri(1 - policy.alpha / domains) ** 2 - ndtri(1 - policy.beta) ** 2) / 2)


def advance(
    course: Course, summary: Summary, anchor: Summary | None, margins: FloatArray, policy: GatePolicy
) -> Course:
    """The course after a look at the data. `anchor` holds the differences to the anchor, if there is one."""
    sound = _settle(course.sound, summary, margins, policy)
    anchored = course.anchored if anchor is None else _settle(course.anchored, anchor, margins, policy)
    evidence = gain_evidence(summary, policy.gain)
    better = np.where(evidence >= -np.log(policy.alpha), YES, OPEN)
    spent = _spent(summary, margins, policy).all(axis=-1)
    better = np.where((evidence <= np.log(policy.beta)) | (spent & (better == OPEN)), NO, better)
    better = np.where(ready(summary, policy).all(axis=-1) & (course.better == OPEN), better, course.better)
    return Course(sound, anchored, better.astype(np.int8))


def wanted(
    course: Course, summary: Summary, anchor: Summary | None, margins: FloatArray, policy: GatePolicy
) -> BoolArray:
    """Domains of which more items could still change the verdict, shape (..., domains)."""
    dropped = (course.sound == NO).any(axis=-1)
    hopeless = (course.better == NO) | (course.anchored == NO).any(axis=-1)
    overall = ((course.better == OPEN) & ~hopeless)[..., None] & ~_spent(summary, margins, policy)
    against = (course.anchored == OPEN) & ~hopeless[..., None]
    open_ = (course.sound == OPEN) | overall | against
    return np.asarray(open_ & ~dropped[..., None] & (summary.items < policy.most_items), dtype=np.bool_)


def promotable(course: Course) -> BoolArray:
    """Sound in every domain, also against the anchor, and better overall (intersection-union, Berger 1982)."""
    everywhere = (course.sound == YES).all(axis=-1) & (course.anchored == YES).all(axis=-1)
    return np.asarray(everywhere & (course.better == YES), dtype=np.bool_)


def step_down(sound: IntArray, evidence: FloatArray, policy: GatePolicy) -> IntArray:
    """Once a domain has dropped, the others are held against fewer hypotheses, as by Holm (1979).

    For one run, shapes (domains,). It changes which domains are named, never whether there are any.
    """
    while True:
        dropped = int((sound == NO).sum())
        if dropped in (0, len(sound)):
            return sound
        more = (sound == OPEN) & (evidence >= drop_threshold(policy, len(sound) - dropped))
        if not more.any():
            return sound
        sound = np.where(more, NO, sound).astype(np.int8)


def _settle(state: IntArray, summary: Summary, margins: FloatArray, policy: GatePolicy) -> IntArray:
    evidence = drop_evidence(summary, margins)
    capped = summary.items >= cap_of(summary, margins, policy)
    critical = cap_threshold(policy, margins.shape[-1])
    dropped = (evidence >= drop_threshold(policy, margins.shape[-1])) | (capped & (evidence >= critical))
    passed = (evidence <= np.log(BETA_SHARE * policy.beta)) | (capped & (evidence < critical))
    found = np.where(dropped, NO, np.where(passed, YES, OPEN))
    return np.where(ready(summary, policy) & (state == OPEN), found, state).astype(np.int8)


def _spent(summary: Summary, margins: FloatArray, policy: GatePolicy) -> BoolArray:
    capped = summary.items >= cap_of(summary, margins, policy)
    return np.asarray((capped & ready(summary, policy)) | (summary.items >= policy.most_items), dtype=np.bool_)
