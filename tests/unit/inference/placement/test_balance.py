"""Balanced cuts against enumeration."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.plan import InvalidProblem, balance


@given(st.lists(st.integers(0, 20), min_size=1, max_size=9), st.data())
def test_largest_part_then_sum_of_squares_are_smallest(sizes, data):
    stages = data.draw(st.integers(1, len(sizes)))
    keys = []
    for cuts in combinations(range(1, len(sizes)), stages - 1):
        sums = [sum(sizes[a:b]) for a, b in pairwise((0, *cuts, len(sizes)))]
        keys.append((max(sums), sum(x * x for x in sums)))
    parts = balance(sizes, stages)
    assert [a for a, _ in parts] == [0, *(b + 1 for _, b in parts[:-1])]
    assert parts[-1][1] == len(sizes) - 1
    sums = [sum(sizes[a : b + 1]) for a, b in parts]
    assert (max(sums), sum(x * x for x in sums)) == min(keys)


def test_real_sizes_do_not_drown_the_squares():
    embedding, layer = 113_246_208, 14_160_384
    sizes = [embedding + layer, *[layer] * 28, embedding + layer]
    assert balance(sizes, 4) == ((0, 3), (4, 14), (15, 25), (26, 29))


@pytest.mark.parametrize(("sizes", "stages"), [([1, 2], 3), ([1], 0), ([1, -1], 1), ([float("nan")], 1)])
def test_refuses_what_cannot_be_cut(sizes, stages):
    with pytest.raises(InvalidProblem):
        balance(sizes, stages)
