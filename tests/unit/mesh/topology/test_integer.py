"""Small integer programmes, against all their solutions."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csc_array

from strata.mesh.topology.integer import Programme

COLUMNS = 6


@st.composite
def programmes(draw: st.DrawFn) -> Programme:
    """Covers: one or both of two columns; around an odd ring of them half of each would do, and costs much less."""
    rows = draw(st.integers(3, 9))
    some = st.sets(st.integers(0, COLUMNS - 1), min_size=2, max_size=2)
    matrix = np.zeros((rows, COLUMNS))
    for row in matrix:
        row[list(draw(some))] = -1
    least = [draw(st.sampled_from([1, 1, 1, 1, 1, 1, 2, 3])) for _ in range(rows)]
    costs = [draw(st.integers(20, 30)) * 1000.0 for _ in range(COLUMNS)]
    low = [draw(st.sampled_from([0, 0, 0, 0, 0, 1])) for _ in range(COLUMNS)]
    return Programme(
        np.array(costs), csc_array(matrix), -np.array(least, float), np.array(low, float), np.ones(COLUMNS), start=9000
    )


def cheapest(programme: Programme) -> float:
    costs = [
        float(programme.costs @ each)
        for each in product((0, 1), repeat=COLUMNS)
        if (programme.low <= each).all() and (programme.matrix @ np.array(each) <= programme.most).all()
    ]
    return min(costs, default=math.inf)


@given(programmes())
def test_the_best_of_all_solutions(programme: Programme) -> None:
    found, best = programme.optimum(60), cheapest(programme)
    assert found.sure
    if math.isinf(best):
        assert found.values is None
        return
    assert found.values is not None
    assert (programme.matrix @ found.values <= programme.most).all()
    assert float(programme.costs @ found.values) == pytest.approx(best)
    assert found.bound == pytest.approx(best)


@pytest.mark.parametrize("seed", range(20))
def test_odd_rings_whose_relaxation_says_little(seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = [random.choice(8, 2, replace=False) for _ in range(14)]
    matrix = csc_array([[-1.0 if column in each else 0.0 for column in range(8)] for each in pairs])
    costs = random.integers(20, 30, 8) * 1000.0
    programme = Programme(costs, matrix, -np.ones(14), np.zeros(8), np.ones(8))
    found = programme.optimum(60)
    best = min(float(costs @ each) for each in product((0, 1), repeat=8) if (matrix @ np.array(each) <= -1).all())
    assert found.values is not None
    assert float(costs @ found.values) == pytest.approx(best)
    assert found.bound == pytest.approx(best)


def test_without_a_choice() -> None:
    programme = Programme(np.ones(1), csc_array([[-1.0]]), np.array([-1.0]), np.ones(1), np.ones(1))
    assert programme.optimum(1).values == 1
    nothing = replace(programme, low=np.zeros(1), high=np.zeros(1)).optimum(1)
    assert (nothing.values, nothing.sure) == (None, True)


@given(programmes(), st.integers(0, 3))
def test_one_that_is_known_does_not_hide_the_best(programme: Programme, more: int) -> None:
    best = cheapest(programme)
    if math.isfinite(best):
        found = programme.optimum(60, known=best + 1000 * more)
        assert found.values is not None
        assert float(programme.costs @ found.values) == pytest.approx(best)


@given(programmes())
def test_without_time_a_true_bound(programme: Programme) -> None:
    found = programme.optimum(0)
    assert found.bound <= cheapest(programme) + 1e-6
