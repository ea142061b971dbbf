"""The trend test against its formulas and its exact distribution; its error rates, measured by simulation."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau, norm, theilslopes

from strata.errors import StrataError
from strata.memory import Leak, LeakMonitor, Trend, check, level, trend

NOISES = {
    "normal": lambda random, n: random.normal(size=n),
    "counts of two values": lambda random, n: random.integers(0, 2, n),
    "counts of four values": lambda random, n: random.integers(0, 4, n),
    "outliers": lambda random, n: random.standard_cauchy(n),
}


def _score(samples: list[float]) -> int:
    """Mann's S: pairs that rise less pairs that fall."""
    return sum(int(np.sign(b - a)) for i, a in enumerate(samples) for b in samples[i + 1 :])


@given(st.lists(st.integers(0, 5), min_size=16, max_size=50).filter(lambda samples: len(set(samples)) > 1))
def test_with_ties_it_is_kendalls_formula(samples: list[int]) -> None:
    n = len(samples)
    variance = n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in Counter(samples).values())
    expected = norm.sf(_score(samples) / math.sqrt(variance / 18))
    if len(set(samples)) < n:
        assert trend(samples).p_value == pytest.approx(expected, rel=1e-6)


def test_without_ties_it_is_the_share_of_orders_that_rise_as_much() -> None:
    scores = [_score(list(order)) for order in permutations(range(6))]
    for samples in ([0, 1, 2, 3, 4, 5], [1, 0, 2, 4, 3, 5], [3, 1, 4, 0, 5, 2], [5, 4, 3, 2, 1, 0]):
        share = sum(score >= _score(samples) for score in scores) / len(scores)
        assert trend(samples).p_value == pytest.approx(share)


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=30))
def test_the_slope_is_the_median_of_all_pairs_and_both_are_scipys(samples: list[float]) -> None:
    slopes = [(b - a) / (j - i) for i, a in enumerate(samples) for j, b in enumerate(samples) if j > i]
    found = trend(samples)
    assert found.slope == pytest.approx(float(np.median(slopes)), abs=1e-9)
    if len(set(samples)) > 1:
        order = range(len(samples))
        assert found.slope == pytest.approx(theilslopes(samples, order).slope, abs=1e-9)
        assert found.p_value == pytest.approx(kendalltau(order, samples, alternative="greater").pvalue)


def test_what_does_not_change_has_no_trend_and_a_fall_is_no_leak() -> None:
    assert trend([7.0] * 20) == Trend(0.0, 1.0)
    assert check("tensors", range(40, 0, -1), tolerance=0.0).slope == -1.0


@pytest.mark.parametrize("samples", [[1.0, 2.0], [1.0, 2.0, math.nan], [1.0, math.inf, 2.0]])
def test_too_few_or_not_finite_samples_are_refused(samples: list[float]) -> None:
    with pytest.raises(ValueError, match="3 finite samples"):
        trend(samples)


def test_a_leak_is_certain_and_above_the_tolerance() -> None:
    with pytest.raises(Leak, match="live tensors grow by 2 per request") as caught:
        check("live tensors", range(0, 80, 2), tolerance=1.9)
    assert isinstance(caught.value, StrataError)
    assert (caught.value.what, caught.value.slope) == ("live tensors", 2.0)
    assert caught.value.p_value < 1e-10
    check("live tensors", range(0, 80, 2), tolerance=2.0)  # certain, but tolerated
    noisy = [0, 9, 1, 8, 2, 9, 3, 8, 4, 9, 5, 8, 6, 9, 7, 8]
    assert check("live tensors", noisy, tolerance=0.0).slope > 0  # steep enough, but not certain


def test_one_step_is_no_leak_but_near_the_middle_of_a_window() -> None:
    """A limit of the slope, as the module says: there, more than half of all pairs rise over the step."""
    taken_for_leaks = []
    for at in range(4, 61):
        try:
            check("resident bytes", [0.0] * at + [1000.0] * (64 - at), tolerance=0.0)
        except Leak:
            taken_for_leaks.append(at)
    assert set(taken_for_leaks) == {at for at in range(4, 61) if 2 * at * (64 - at) >= 64 * 63 / 2}
    assert 32 - 64 / 16 <= min(taken_for_leaks) <= max(taken_for_leaks) <= 32 + 64 / 16


def test_a_rhythm_that_comes_round_in_the_window_is_no_leak() -> None:
    check("live tensors", [i % 8 for i in range(64)], tolerance=0.0)


@pytest.mark.parametrize("noise", NOISES)
def test_false_alarms_of_one_test_are_as_many_as_its_level(noise: str) -> None:
    random, count = np.random.default_rng(7), 3000
    p_values = np.array([trend(NOISES[noise](random, 64)).p_value for _ in range(count)])
    for alpha in (0.05, 0.01):
        assert (p_values < alpha).mean() <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / count)
    assert (p_values < 0.05).mean() >= 0.03  # nor is it afraid to speak


@pytest.mark.parametrize("n", [34, 64])
def test_far_out_the_normal_approximation_errs_on_the_safe_side(n: int) -> None:
    """Small levels cannot be simulated, but the orders with so many falling pairs can be counted (Mahon numbers)."""
    counts = [1]
    for k in range(2, n + 1):
        counts = np.convolve(np.array(counts, dtype=object), np.ones(k, dtype=object)).tolist()
    pairs, deviation = n * (n - 1) // 2, math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    assert sum(counts) == math.factorial(n)
    for alpha, excess in ((0.05, 1.04), (0.01, 1.0), (1e-3, 1.0), (1e-6, 1.0), (1e-12, 1.0)):
        tail = sum(c for falls, c in enumerate(counts) if norm.sf((pairs - 2 * falls) / deviation) < alpha)
        assert tail / math.factorial(n) <= excess * alpha


def test_all_levels_together_are_alpha() -> None:
    assert sum(level(0.01, number) for number in range(1, 100_000)) == pytest.approx(0.01, rel=1e-4)


def test_a_monitor_is_hardly_ever_wrong_however_long_it_runs() -> None:
    random, alpha, monitors, wrong = np.random.default_rng(11), 0.1, 200, 0
    for _ in range(monitors):
        monitor = LeakMonitor("live tensors", tolerance=0.0, alpha=alpha, window=32)
        try:
            for sample in random.integers(100, 104, 32 * 20):
                monitor.note(float(sample))
        except Leak:
            wrong += 1
    assert 0 < wrong / monitors <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / monitors)


def test_a_planted_leak_is_found_within_two_windows() -> None:
    """A twentieth of the noise's deviation per request, begun in the middle of a window."""
    random, found, monitors = np.random.default_rng(13), 0, 100
    for _ in range(monitors):
        monitor = LeakMonitor("resident bytes", tolerance=0.01)
        leaked = np.concatenate([np.zeros(32), 0.05 * np.arange(96)])
        try:
            for sample in leaked + random.normal(size=128):
                monitor.note(float(sample))
        except Leak:
            found += 1
    assert found >= 0.95 * monitors


def test_a_monitor_forgets_its_window_and_the_warm_up() -> None:
    monitor = LeakMonitor("live tensors", tolerance=0.0, window=16, warm_up=5)
    for sample in [0.0, 1e9, math.pi, 5.0, 6.0, *[3.0] * 15]:
        assert monitor.note(sample) is None
    assert monitor.note(3.0) == Trend(0.0, 1.0)
    for sample in range(15):
        monitor.note(float(sample))
    with pytest.raises(ValueError, match="finite"):
        monitor.note(math.nan)
    with pytest.raises(Leak):
        monitor.note(15.0)
    for sample in [3.0] * 15:
        assert monitor.note(sample) is None  # it goes on


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"window": 15}, {"warm_up": -1}, {"tolerance": -1.0}])
def test_senseless_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="monitor"):
        LeakMonitor("x", **({"tolerance": 0.0} | wrong))
