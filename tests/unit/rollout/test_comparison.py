"""The test for slower work: what it counts, its error rates by simulation, and its bounds by properties."""

import math
import random
from fractions import Fraction
from functools import cache
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom

from strata.rollout import ALPHA, TOLERANCE, Comparison, compare, evidence, samples_of_window, threshold
from strata.rollout.comparison import PAIRS_OF_WINDOW
from strata.store import RolloutSample
from tests.unit.rollout.situations import stream

RUNS = 400
evidence_of = cache(evidence)


def sample(unit: int, enabled: bool, value: float, subject: str = "work") -> RolloutSample:
    return RolloutSample(str(unit), subject, enabled, value)


def test_pairs_are_neighbours_of_one_subject_of_which_one_has_it() -> None:
    samples = [
        sample(1, True, 2.0),
        sample(2, True, 9.0, "other work"),
        sample(3, False, 1.0),  # with 1: slower
        sample(4, True, 5.0),
        sample(5, True, 5.0),  # with 4: both have it
        sample(6, False, 1.0),
        sample(7, True, 1.0 + TOLERANCE / 2),  # with 6: slower by less than the tolerance
        sample(8, False, 3.0, "other work"),  # with 2: slower
        sample(9, True, 7.0),  # nobody yet
    ]
    found = compare(samples)
    assert (found.pairs, found.slower, found.ratio) == (3, 2, 2.0)


def test_a_unit_that_was_measured_twice_counts_once() -> None:
    samples = [sample(1, True, 2.0), sample(1, True, 3.0), sample(2, False, 1.0), sample(2, False, 9.0)]
    assert compare(samples) == Comparison(1, 1, 2.0)


def test_nothing_is_found_in_nothing() -> None:
    assert compare([]) == compare([sample(1, True, 2.0)]) == Comparison(0, 0, None)
    assert evidence(0, 0) == 1


@given(st.integers(0, 80).flatmap(lambda pairs: st.tuples(st.just(pairs), st.integers(0, pairs))))
def test_the_evidence_is_the_average_likelihood_ratio(counts: tuple[int, int]) -> None:
    pairs, slower = counts
    integral, _ = quad(lambda p: 2 * (2 * p) ** slower * (2 * (1 - p)) ** (pairs - slower), 0.5, 1, limit=200)
    assert evidence(pairs, slower) == pytest.approx(integral, rel=1e-6)


@given(st.integers(0, 60).flatmap(lambda pairs: st.tuples(st.just(pairs), st.integers(0, pairs))))
def test_nobody_expects_to_win_a_bet_on_a_fair_coin(counts: tuple[int, int]) -> None:
    """A martingale exactly, and where the slower one is less likely than not, one that falls: Ville's condition."""
    pairs, slower = counts
    now, won, lost = exactly(pairs, slower), exactly(pairs + 1, slower + 1), exactly(pairs + 1, slower)
    assert (won + lost) / 2 == now
    assert won >= lost


def exactly(pairs: int, slower: int) -> Fraction:
    above = sum(math.comb(pairs + 1, count) for count in range(slower + 1))
    return Fraction(above, (pairs + 1) * math.comb(pairs, slower))


@given(st.integers(1, 100_000))
def test_all_windows_together_are_wrong_as_often_as_stated(windows: int) -> None:
    assert sum(1 / threshold(number) for number in range(1, windows % 2000 + 1)) <= ALPHA


@pytest.mark.parametrize("percent", [1, 20, 50, 95, 99])
def test_a_window_has_its_pairs_on_average(percent: int) -> None:
    share = percent / 100
    expected = samples_of_window(percent) / 2 * 2 * share * (1 - share)
    assert PAIRS_OF_WINDOW <= expected < PAIRS_OF_WINDOW + 1


def test_where_all_is_alike_there_is_no_window() -> None:
    for percent in (0, 100):
        with pytest.raises(ValueError, match="nothing to compare"):
            samples_of_window(percent)


def retreats(samples: list[RolloutSample], percent: int) -> int | None:
    """After how many samples, looked at after each, it would retreat."""
    size = samples_of_window(percent)
    for start in range(0, len(samples), size):
        part, needed = samples[start : start + size], threshold(start // size + 1)
        outcomes = []
        for one, other in zip(part[::2], part[1::2], strict=False):
            if one.enabled != other.enabled:
                enabled, disabled = (one, other) if one.enabled else (other, one)
                outcomes.append(enabled.value > disabled.value * (1 + TOLERANCE))
        for count, slower in enumerate(accumulate(outcomes), start=1):
            if evidence_of(count, slower) >= needed:
                return start + count
    return None


def steady(chance: random.Random, _: int) -> float:
    return chance.lognormvariate(0, 0.3)


def drifting(chance: random.Random, number: int) -> float:
    """Ever slower, with a rhythm, and now and then stuck: nothing that a t-test could bear."""
    return (1 + number / 50) * (1.5 + math.sin(number / 7)) * min(chance.paretovariate(1.1), 1e6)


@pytest.mark.parametrize("seconds", [steady, drifting])
@pytest.mark.parametrize("percent", [50, 90])
@pytest.mark.parametrize("factor", [1.0, 1 + TOLERANCE])
def test_where_nothing_is_wrong_it_retreats_as_seldom_as_stated(seconds, percent: int, factor: float) -> None:
    """Looked at after every sample through several windows; also where the part is slower by just the tolerance."""
    wrong = sum(retreats(stream(seed, 600, percent, seconds, factor), percent) is not None for seed in range(RUNS))
    # The bound is `ALPHA`; what chance alone may add to the count in so many runs, one time in a thousand.
    assert wrong <= binom.ppf(0.999, RUNS, ALPHA)


def test_half_as_slow_again_is_found_soon() -> None:
    found = [retreats(stream(seed, 256, 50, steady, 1.5), 50) for seed in range(RUNS)]
    assert sum(each is not None for each in found) / RUNS > 0.95


def test_what_gets_slow_late_is_found_too() -> None:
    """After months in which it was better: the windows begin anew."""
    for seed in range(20):
        good = stream(seed, 10 * samples_of_window(50), 50, steady, 0.5)
        bad = stream(seed + 100, 2 * samples_of_window(50), 50, steady, 2.0)
        found = retreats([*good, *bad], 50)
        assert found is not None
        assert found > len(good)


def test_faster_work_is_no_reason() -> None:
    assert all(retreats(stream(seed, 600, 50, steady, 0.7), 50) is None for seed in range(50))


def test_trifles_are_no_reason() -> None:
    """Three per cent slower, measured without any noise."""
    assert retreats(stream(1, 2000, 50, lambda *_: 1.0, 1.03), 50) is None
