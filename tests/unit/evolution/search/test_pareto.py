"""Fronts and crowding against their definitions, point by point."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strata.evolution.search import crowding, fronts, pareto_front
from strata.evolution.search.pareto import best_order

# Few values, so that ties are common.
points = st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[st.integers(0, 4)] * n), min_size=1, max_size=25))


def peeled(rows):
    """Fronts by the definition: take away what nobody dominates, again and again."""

    def beats(a, b):
        return all(x >= y for x, y in zip(a, b, strict=True)) and a != b

    rank, left, front = {}, set(range(len(rows))), 0
    while left:
        best = {i for i in left if not any(beats(rows[j], rows[i]) for j in left)}
        rank |= dict.fromkeys(best, front)
        left, front = left - best, front + 1
    return [rank[i] for i in range(len(rows))]


@given(points)
def test_fronts_are_those_of_the_definition(rows):
    assert fronts(np.array(rows, dtype=float)).tolist() == peeled(rows)


@given(points)
def test_crowding_is_the_sum_of_gaps(rows):
    scores = np.array(rows, dtype=float)
    found = crowding(scores)
    expected = np.zeros(len(rows))
    for column in scores.T.tolist():
        order = sorted(range(len(rows)), key=lambda i: (column[i], i))
        span = column[order[-1]] - column[order[0]]
        for before, i, after in zip(order, order[1:], order[2:], strict=False):
            expected[i] += (column[after] - column[before]) / span if span else 0
        expected[order[0]] = expected[order[-1]] = np.inf
    np.testing.assert_allclose(found, expected)


@given(points)
def test_the_order_is_by_front_and_complete(rows):
    scores = np.array(rows, dtype=float)
    order = best_order(scores)
    assert sorted(order.tolist()) == list(range(len(rows)))
    assert (np.diff(fronts(scores)[order]) >= 0).all()


@given(points)
def test_the_front_of_names_is_the_first_of_the_fronts(rows):
    names = {f"m{place}": dict(zip("abcd", row, strict=False)) for place, row in enumerate(rows)}
    ranks = peeled(rows)
    assert pareto_front(names) == tuple(name for name, rank in zip(names, ranks, strict=True) if rank == 0)


def test_the_front_of_nobody_is_empty():
    assert pareto_front({}) == ()
