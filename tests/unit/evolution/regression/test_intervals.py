"""Tests and intervals against published examples, scipy, and their own definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar

from strata.evolution.regression.intervals import (
    holm,
    mcnemar,
    sign_flip_p_value,
    student_p_value,
    tango,
    tango_score,
    watched_interval,
)
from strata.evolution.regression.summary import Summary


def arrays(*numbers):
    return [np.array([number], dtype=float) for number in numbers]


@pytest.mark.parametrize(
    ("table", "level", "low", "high"),
    [
        ((4, 9, 3, 16), 0.95, -0.027, 0.390),  # Tango 1998, table III
        ((43, 0, 1, 0), 0.90, -0.096, 0.037),  # Tango 1998: soft contact lenses
        ((53, 16, 8, 9), 0.95, -0.020, 0.207),  # Agresti and Min 2005
        ((1, 1, 7, 12), 0.95, -0.517, -0.026),  # Fagerland, Lydersen and Laake 2014: airway hyper-responsiveness
        ((59, 6, 16, 80), 0.95, -0.124, -0.005),  # the same authors: complete response, Cavo et al. 2012
    ],
)
def test_tango_gives_the_published_intervals(table, level, low, high):
    found = tango(*arrays(sum(table), table[1], table[2]), level)
    assert found[0][0] == pytest.approx(low, abs=5.1e-4)
    assert found[1][0] == pytest.approx(high, abs=5.1e-4)


tables = st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(0, 30)).filter(lambda table: sum(table) > 0)


@given(tables, st.floats(0.5, 0.999))
@settings(max_examples=40)
def test_tango_mirrors_and_holds_the_estimate(table, level):
    _, gained, lost = table
    items = sum(table)
    (low,), (high,) = tango(*arrays(items, gained, lost), level)
    (other_low,), (other_high,) = tango(*arrays(items, lost, gained), level)
    assert -1 <= low <= (gained - lost) / items + 1e-12
    assert (gained - lost) / items - 1e-12 <= high <= 1
    assert (low, high) == pytest.approx((-other_high, -other_low), abs=1e-9)
    quantile = stats.norm.ppf((1 + level) / 2)
    if low > -1 + 1e-9:
        assert tango_score(*arrays(items, gained, lost, low))[0] == pytest.approx(quantile, rel=1e-4)


@given(tables, st.floats(-0.9, 0.9))
def test_tango_score_uses_the_constrained_maximum(table, difference):
    same, gained, lost = table
    items = sum(table)
    least, most = max(0.0, -difference), (1 - difference) / 2

    def loss(losing):
        chances = np.clip([losing + difference, losing, 1 - 2 * losing - difference], 1e-300, None)
        return -float(np.dot([gained, lost, same], np.log(chances)))

    losing = minimize_scalar(loss, bounds=(least, most), method="bounded", options={"xatol": 1e-12}).x
    variance = items * (2 * losing + difference * (1 - difference))
    expected = (gained - lost - items * difference) / np.sqrt(max(variance, 1e-12))
    found = tango_score(*arrays(items, gained, lost, difference))[0]
    assert found == pytest.approx(expected, rel=2e-2, abs=1e-3)


@pytest.mark.parametrize("delta", [0.0, -0.05, 0.1])
def test_tango_covers(delta):
    random, psi = np.random.default_rng(1), 0.2
    gained = random.binomial(150, (psi + delta) / 2, 20_000).astype(float)
    lost = random.binomial((150 - gained).astype(int), (psi - delta) / (2 - psi - delta)).astype(float)
    low, high = tango(np.full(20_000, 150.0), gained, lost, 0.9)
    assert np.mean((low <= delta) & (delta <= high)) == pytest.approx(0.9, abs=0.015)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_is_the_binomial_test(gained, lost):
    expected = stats.binomtest(gained, gained + lost, 0.5, "less").pvalue if gained + lost else 1.0
    assert mcnemar(*arrays(gained, lost))[0] == pytest.approx(expected, rel=1e-9)


def alone(differences):
    """A summary of differences without clusters that are not binary."""
    count, total, squares = len(differences), differences.sum(), (differences**2).sum()
    numbers = arrays(count, total, count, squares, total, count)
    return Summary(*numbers, np.array([False]), np.array([1.0]))


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=40), st.floats(-1, 1))
def test_student_is_the_paired_t_test(differences, mean):
    values = np.round(np.array(differences), 3)
    if values.std() < 1e-3:
        return
    expected = stats.ttest_1samp(values, mean, alternative="less").pvalue
    assert student_p_value(alone(values), np.array([mean]))[0] == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_equal_differences_leave_no_doubt():
    summary = alone(np.full(30, 0.25))
    assert student_p_value(summary, np.array([0.0]))[0] == 1
    assert student_p_value(summary, np.array([0.25]))[0] == 0.5
    assert student_p_value(summary, np.array([0.5]))[0] == 0


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=10))
@settings(max_examples=25)
def test_sign_flips_approach_their_enumeration(values):
    sums = np.array(values, dtype=float)
    signs = np.array(np.meshgrid(*[[-1, 1]] * len(sums))).reshape(len(sums), -1)
    expected = np.mean(sums @ signs <= sums.sum())
    assert sign_flip_p_value(sums) == pytest.approx(expected, abs=0.025)


def test_holm():
    adjusted = holm(np.array([0.01, 0.04, 0.03, 0.005]))
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])  # Holm 1979: 4p, 3p, 2p, p in order, never falling


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_values_and_bonferroni(values):
    p_values = np.array(values)
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all()
    assert (adjusted <= np.minimum(p_values * len(values), 1) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()


def test_a_watched_interval_covers_at_all_looks_together():
    random, runs, missed, missed_fixed = np.random.default_rng(2), 2000, 0, 0
    steps = random.choice([-1.0, 0.0, 1.0], (runs, 60, 50), p=[0.09, 0.85, 0.06])
    sums, squares = np.cumsum(steps.sum(2), 1), np.cumsum((steps**2).sum(2), 1)
    items = 50.0 * np.arange(1, 61)
    mean = sums / items
    variance = (squares / items - mean**2 + 1 / items) / items
    low, high = watched_interval(mean, variance, np.array(0.03), 0.9)
    missed = np.mean(((low > -0.03) | (high < -0.03)).any(axis=1))
    missed_fixed = np.mean((np.abs(mean + 0.03) > 1.645 * np.sqrt(variance)).any(axis=1))
    assert missed <= 0.1
    assert missed_fixed > 0.3  # what an interval for one look does here
