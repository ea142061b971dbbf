"""When a budget is full: against scipy's intervals, and how often it is wrong, by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import theilslopes

from strata.memory import outlook
from strata.memory.filling import FEWEST, MOST

EVERY = 30.0  # seconds
GIB = float(1 << 30)
BYTES = st.floats(0, 1e12)


def _times(count: int) -> list[float]:
    return [EVERY * index for index in range(count)]


@given(st.lists(st.tuples(st.floats(1, 1e4), BYTES), min_size=FEWEST, max_size=40), BYTES)
def test_the_slope_is_scipys_and_lies_within_the_interval(samples: list[tuple[float, float]], budget: float) -> None:
    times = list(np.cumsum([gap for gap, _ in samples]))
    used = [value for _, value in samples]
    found = outlook(times, used, budget)
    assert found is not None
    assert found.slope == pytest.approx(theilslopes(used, times).slope, rel=1e-9, abs=1e-6)
    assert found.low <= found.slope <= found.high
    assert 0 <= found.p_value <= 1
    assert found.samples == len(samples)
    for seconds in (found.earliest, found.likely, found.latest):
        assert seconds is None or seconds >= 0
    ranked = [math.inf if seconds is None else seconds for seconds in (found.earliest, found.likely, found.latest)]
    assert ranked == sorted(ranked)
    assert found.sentence
    if used[-1] >= budget:
        assert ranked == [0, 0, 0]


@given(st.lists(BYTES, min_size=FEWEST, max_size=30), st.floats(0.001, 1000), st.floats(0, 1e9))
def test_time_is_measured_in_seconds_whatever_the_sampling(used: list[float], stretch: float, start: float) -> None:
    times = _times(len(used))
    one = outlook(times, used, 2e12)
    other = outlook([start + stretch * at for at in times], used, 2e12)
    assert one is not None
    assert other is not None
    assert other.slope == pytest.approx(one.slope / stretch, rel=1e-3, abs=1e-3)
    if one.likely is not None and one.slope > 1:
        assert other.likely == pytest.approx(one.likely * stretch, rel=1e-3)


def test_a_node_that_fills_steadily_is_full_when_the_line_says() -> None:
    used = [1000.0 * at for at in _times(32)]
    found = outlook(_times(32), used, used[-1] + 1000 * 3600)
    assert found is not None
    assert (found.slope, found.low, found.high) == (1000.0, 1000.0, 1000.0)
    assert (found.earliest, found.likely, found.latest) == (3600.0, 3600.0, 3600.0)
    assert found.rises
    assert found.p_value < 1e-9
    assert found.sentence == "full in 1.0 h (1.0 h to 1.0 h)"


def test_what_does_not_change_or_falls_is_never_full() -> None:
    for used in ([5.0] * 20, list(np.linspace(100, 0, 20))):
        found = outlook(_times(20), used, GIB)
        assert found is not None
        assert (found.earliest, found.likely, found.latest, found.rises) == (None, None, None, False)
        assert found.sentence == "not filling"


def test_noise_alone_says_only_since_when_it_could_be_full() -> None:
    used = np.random.default_rng(3).normal(size=40)
    found = outlook(_times(40), used, 1000)
    assert found is not None
    assert found.latest is None
    assert not found.rises
    assert found.earliest is not None
    assert found.sentence.startswith("no steady rise; not full before ")


def test_a_full_budget_is_said_to_be_full() -> None:
    found = outlook(_times(20), [GIB] * 20, GIB)
    assert found is not None
    assert found.sentence == "the budget is full"


def test_too_few_samples_say_nothing_and_impossible_ones_are_refused() -> None:
    assert outlook(_times(FEWEST - 1), [0.0] * (FEWEST - 1), 1) is None
    for times, used in ((_times(9), [0.0] * 8), ([1.0] * 8, [0.0] * 8), (_times(8), [math.nan] * 8)):
        with pytest.raises(ValueError, match="samples"):
            outlook(times, used, 1)
    with pytest.raises(ValueError, match="confidence"):
        outlook(_times(8), [0.0] * 8, 1, confidence=1.0)


def test_of_a_long_series_so_many_samples_are_looked_at_from_end_to_end() -> None:
    used = [2.0 * at for at in _times(2000)]
    found = outlook(_times(2000), used, 1e9)
    assert found is not None
    assert (found.samples, found.slope) == (MOST, 2.0)
    assert found.likely == pytest.approx((1e9 - used[-1]) / 2)


def _remembering(random: np.random.Generator, share: float, count: int) -> np.ndarray:
    """Noise of which each sample has so much of the one before it (AR(1))."""
    noise = np.empty(count)
    noise[0] = random.normal()
    for index in range(1, count):
        noise[index] = share * noise[index - 1] + math.sqrt(1 - share**2) * random.normal()
    return noise


@pytest.mark.parametrize(("share", "covered"), [(0.0, 0.93), (0.5, 0.88), (0.8, 0.80)])
def test_the_interval_holds_the_slope_about_as_often_as_it_says(share: float, covered: float) -> None:
    """95 % are asked for. Of samples that remember each other much, so few cannot tell a trend from a long wave."""
    random, runs, slope = np.random.default_rng(11), 400, 0.001
    held = rose = 0
    for _ in range(runs):
        noise = _remembering(random, share, 120)
        found = outlook(_times(120), noise + slope * np.array(_times(120)), 1e9)
        assert found is not None
        held += found.low <= slope <= found.high
        still = outlook(_times(120), noise, 1e9)
        assert still is not None
        rose += still.rises
    assert held / runs >= covered
    assert rose / runs <= (1 - covered) / 2 + 0.02
