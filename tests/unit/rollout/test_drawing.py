"""Who gets a part: the same wherever it is asked, more with a higher percentage, and by chance alone."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.rollout import Part, Trial, draw_between
from strata.store import RolloutSetting
from tests.unit.rollout.situations import setting_of

UNITS = [f"unit-{number}" for number in range(4000)]


@given(st.text(max_size=40), st.integers(0, 100), st.integers(0, 100), st.sampled_from(Part))
def test_a_higher_percentage_only_adds_units(unit: str, one: int, other: int, part: Part) -> None:
    low, high = sorted((one, other))
    assert Trial(part, True, low).draw(unit).enabled <= Trial(part, True, high).draw(unit).enabled


@given(st.text(max_size=40), st.sampled_from(Part))
def test_nobody_has_it_at_0_and_everybody_at_100(unit: str, part: Part) -> None:
    assert 0 <= draw_between(part, unit) < 100
    assert not Trial(part, True, 0).draw(unit).enabled
    assert Trial(part, True, 100).draw(unit).enabled
    assert not Trial(part, False, 100).draw(unit).enabled, "switched off"


def test_the_draw_is_the_same_in_every_process_and_release() -> None:
    assert draw_between(Part.OPTIMISER, "a") == pytest.approx(55.99926412407764)
    assert draw_between(Part.TRANSPORT, "a") == pytest.approx(68.98733611203770)


@pytest.mark.parametrize("percent", [1, 20, 50, 95])
def test_the_share_is_the_percentage(percent: int) -> None:
    trial = Trial(Part.OPTIMISER, True, percent)
    share = sum(trial.draw(unit).enabled for unit in UNITS) / len(UNITS)
    assert share == pytest.approx(percent / 100, abs=4 * math.sqrt(percent * (100 - percent) / 1e4 / len(UNITS)))


def test_of_neighbours_that_differ_either_is_as_likely_to_have_it() -> None:
    trial = Trial(Part.TRANSPORT, True, 80)
    pairs = [(trial.draw(one).enabled, trial.draw(other).enabled) for one, other in pairwise(UNITS)]
    differing = [one for one, other in pairs[::2] if one != other]
    assert sum(differing) / len(differing) == pytest.approx(0.5, abs=2 / math.sqrt(len(differing)))


def test_parts_are_drawn_apart() -> None:
    both = sum(draw_between(Part.OPTIMISER, unit) < 50 and draw_between(Part.TRANSPORT, unit) < 50 for unit in UNITS)
    assert both / len(UNITS) == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(
    ("on", "percent", "setting", "compares"),
    [
        (True, 50, setting_of(50), True),
        (True, 100, setting_of(100), False),
        (True, 0, setting_of(0), False),
        (False, 50, setting_of(50), False),
        (True, 100, None, False),
    ],
)
def test_only_where_there_is_work_of_both_kinds_it_is_compared(
    on: bool, percent: int, setting: RolloutSetting | None, compares: bool
) -> None:
    trial = Trial(Part.OPTIMISER, on, percent, setting)
    assert trial.compares is compares
    assert (trial.draw("a").setting is not None) is compares
