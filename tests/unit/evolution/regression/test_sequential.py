"""The sequential tests: likelihood ratios against their definition, error rates by simulation, what is wanted when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import xlogy

from strata.evolution.regression import GatePolicy
from strata.evolution.regression.sequential import (
    NO,
    OPEN,
    YES,
    Course,
    advance,
    drop_evidence,
    log_ratio,
    promotable,
    step_down,
    trinomial_log_ratio,
    wanted,
)
from strata.evolution.regression.summary import Summary

POLICY = GatePolicy()
DOMAINS = ["coding", "math", "reasoning", "language"]
MARGINS = POLICY.margins_of(DOMAINS)


@given(st.integers(0, 400), st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.01, 0.03, 0.04, 0.2]))
def test_the_trinomial_ratio_is_the_ratio_of_constrained_maxima(same, gained, lost, drop):
    items = max(same + gained + lost, 1)
    same = items - gained - lost

    def best(mean):
        def loss(losing):
            return -float(xlogy(gained, losing + mean) + xlogy(lost, losing) + xlogy(same, 1 - 2 * losing - mean))

        least, most = max(0.0, -mean), (1 - mean) / 2
        inner = minimize_scalar(loss, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).fun
        return -min(inner, loss(least), loss(most))

    found = trinomial_log_ratio(*(np.array(float(number)) for number in (items, gained, lost)), np.array(drop))
    assert float(found) == pytest.approx(best(-drop) - best(0.0), rel=1e-4, abs=1e-4)


def test_the_ratio_of_graded_scores_is_that_of_normal_likelihoods_with_free_variance():
    values = np.random.default_rng(1).normal(0.02, 0.4, 80)
    variance = np.array(values.var(ddof=1) / 80)
    expected = 40 * np.log((values**2).mean() / ((values + 0.03) ** 2).mean())
    assert float(log_ratio(np.array(values.mean()), variance, np.array(80.0), np.array(-0.03))) == pytest.approx(
        expected
    )


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 400))
def test_one_more_right_answer_is_less_evidence_of_a_drop(lost, gained, same):
    before = Summary.of_flips(*(np.array([[float(n)]]) for n in (lost + gained + same, gained, lost)))
    after = Summary.of_flips(*(np.array([[float(n)]]) for n in (lost + gained + same, gained + 1, lost - 1)))
    margin = np.array([0.04])
    assert drop_evidence(after, margin)[0, 0] < drop_evidence(before, margin)[0, 0] + 1e-9


def simulate(delta, psi, runs, look=50):
    """Verdicts of gates over four domains: shares of regress and of promote, items over a fixed-size test's."""
    random, delta = np.random.default_rng(7), np.broadcast_to(delta, 4)
    shape = (runs, 4)
    items, gained, lost = (np.zeros(shape) for _ in range(3))
    course, more = Course.begin(shape, anchor=False), np.full(shape, True)
    while more.any():
        drawn = np.where(more, look, 0)
        up = random.binomial(drawn, (psi + delta) / 2)
        down = random.binomial(drawn - up, (psi - delta) / (2 - psi - delta))
        items, gained, lost = items + drawn, gained + up, lost + down
        summary = Summary.of_flips(items, gained, lost)
        course = advance(course, summary, None, MARGINS, POLICY)
        more &= wanted(course, summary, None, MARGINS, POLICY)
    fixed = POLICY.fixed_items(4, psi - delta**2, MARGINS).sum()
    return (course.sound == NO).any(axis=1).mean(), promotable(course).mean(), items.sum(axis=1).mean() / fixed


@pytest.mark.parametrize("psi", [0.08, 0.3])
def test_error_rates_hold(psi):  # 1500 runs: standard error .0056 at .05
    regress, promote, ratio = simulate(0.0, psi, 1500)
    assert regress <= 0.055
    assert promote <= 0.055
    assert ratio < 0.8
    regress, promote, ratio = simulate([-0.03, 0, 0, 0], psi, 1500)
    assert regress >= 0.945
    assert promote <= 0.02
    assert ratio < 0.65
    regress, promote, ratio = simulate(0.03, psi, 500)
    assert regress == 0
    assert promote >= 0.98
    assert ratio < 0.35


def flips(items, gained, lost):
    return Summary.of_flips(*(np.array(row, dtype=float) for row in (items, gained, lost)))


def test_nothing_is_decided_on_few_items_and_all_is_at_the_cap():
    few = flips([40] * 4, [0] * 4, [40] * 4)
    course = advance(Course.begin((4,), anchor=False), few, None, MARGINS, POLICY)
    assert (course.sound == OPEN).all()
    assert wanted(course, few, None, MARGINS, POLICY).all()
    many = flips([5000] * 4, [340] * 4, [425] * 4)  # halfway to the margin: evidence for neither
    course = advance(course, many, None, MARGINS, POLICY)
    assert (course.sound != OPEN).all()
    assert not wanted(course, many, None, MARGINS, POLICY).any()


def test_what_is_settled_stays_so():
    good, bad = flips([2000] * 4, [200] * 4, [100] * 4), flips([2200] * 4, [200] * 4, [300] * 4)
    course = advance(Course.begin((4,), anchor=False), good, None, MARGINS, POLICY)
    assert (course.sound == YES).all()
    assert course.better == YES
    assert (advance(course, bad, None, MARGINS, POLICY).sound == YES).all()


def test_only_undecided_domains_are_wanted_once_a_gain_is_out_of_the_question():
    found = flips([1000, 1000, 1000, 300], [60, 60, 60, 20], [60, 60, 60, 24])
    course = advance(Course.begin((4,), anchor=False), found, None, MARGINS, POLICY)
    assert list(course.sound) == [YES, YES, YES, OPEN]
    course = Course(course.sound, course.anchored, np.array(NO))
    assert list(wanted(course, found, None, MARGINS, POLICY)) == [False, False, False, True]


def test_an_absolute_limit_leaves_a_domain_open():
    policy = GatePolicy(most_items=300)
    found = flips([300] * 4, [20] * 4, [24] * 4)
    course = advance(Course.begin((4,), anchor=False), found, None, MARGINS, policy)
    assert (course.sound == OPEN).all()
    assert not wanted(course, found, None, MARGINS, policy).any()
    assert course.better == NO
    assert not promotable(course)


def test_after_a_first_drop_the_others_are_held_against_fewer_hypotheses():
    evidence = np.array([9.0, 4.6, 4.0, 0.0])  # thresholds: 4.74 of four, 4.45 of three, 4.05 of two
    sound = np.array([NO, OPEN, OPEN, OPEN], dtype=np.int8)
    assert list(step_down(sound, evidence, POLICY)) == [NO, NO, OPEN, OPEN]
    assert list(step_down(np.full(4, OPEN), evidence, POLICY)) == [OPEN] * 4


def test_an_anchor_must_be_held_for_promotion_and_is_asked_no_more_once_there_is_none():
    yes, found = np.full(4, YES), flips([1000] * 4, [60] * 4, [60] * 4)
    assert promotable(Course(yes, yes, np.array(YES)))
    for state in (NO, OPEN):
        assert not promotable(Course(yes, np.array([YES, state, YES, YES]), np.array(YES)))
    still_open = np.array([YES, OPEN, YES, YES])
    asked = [
        list(wanted(Course(yes, still_open, np.array(better)), found, found, MARGINS, POLICY)) for better in (YES, NO)
    ]
    assert asked == [[False, True, False, False], [False] * 4]


def test_nothing_is_decided_on_few_clusters():
    sums = np.array([[1000.0], [-400.0], [10.0], [17_000.0], [-40_000.0], [100_000.0]])
    few = Summary(*sums, np.array([False]), np.array([1.0]))
    start, margins = Course.begin((1,), anchor=False), np.array([0.2])
    assert advance(start, few, None, margins, POLICY).sound[0] == OPEN
    assert advance(start, few, None, margins, GatePolicy(fewest_clusters=10)).sound[0] == NO
