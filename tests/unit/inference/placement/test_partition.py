"""The partition against enumeration, its properties, and what it says when there is none."""

from itertools import combinations, pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.inference.placement.problem import Problem
from strata.inference.plan import Infeasible, InvalidProblem, Partition, Span, partition

OBJECTIVES = ("latency", "throughput")


def placements(nodes, layers):
    """Every ordered choice of nodes with every choice of cuts."""
    for count in range(1, min(nodes, layers) + 1):
        for order in permutations(range(nodes), count):
            for cuts in combinations(range(1, layers), count - 1):
                yield [(n, a, b) for n, (a, b) in zip(order, pairwise((0, *cuts, layers)), strict=True)]


def cost(seconds, sizes, capacity, links, objective, placement):
    """Seconds of a placement, infinite where a node is too small: written apart from the planner's own arithmetic."""
    if any(sum(sizes[a:b]) > capacity[n] for n, a, b in placement):
        return np.inf
    parts = [sum(seconds[n][a:b]) for n, a, b in placement]
    parts += [links[x[0]][y[0]] for x, y in pairwise(placement)]
    return sum(parts) if objective == "latency" else max(parts)


@st.composite
def problems(draw, max_nodes=4, max_layers=6):
    """Small whole numbers, so that ties are common and sums exact; some links are missing, memory is often short."""
    nodes, layers = draw(st.integers(1, max_nodes)), draw(st.integers(1, max_layers))
    rows = lambda count, width, values: st.lists(  # noqa: E731
        st.lists(values, min_size=width, max_size=width), min_size=count, max_size=count
    )
    whole = st.integers(0, 9).map(float)
    return (
        draw(rows(nodes, layers, whole)),
        draw(st.lists(st.integers(0, 9), min_size=layers, max_size=layers)),
        draw(st.lists(st.integers(0, 30), min_size=nodes, max_size=nodes)),
        draw(rows(nodes, nodes, whole | st.just(np.inf))),
    )


@settings(max_examples=150, deadline=None)
@given(problems(), st.sampled_from(OBJECTIVES))
def test_equals_enumeration(problem, objective):
    nodes, layers = len(problem[0]), len(problem[1])
    expected = min(cost(*problem, objective, placement) for placement in placements(nodes, layers))
    if np.isinf(expected):
        with pytest.raises(Infeasible) as caught:
            partition(*problem, objective)
        assert caught.value.proven
        return
    found = partition(*problem, objective)
    assert found.value == expected
    assert found.lower_bound == found.value
    assert found.exact
    assert cost(*problem, objective, [(s.node, s.first, s.last + 1) for s in found.stages]) == found.value


@settings(max_examples=60, deadline=None)
@given(problems(6, 12), st.sampled_from(OBJECTIVES), st.randoms(use_true_random=False))
def test_no_placement_is_below_the_bound(problem, objective, random):
    try:
        found = partition(*problem, objective)
    except Infeasible:
        return
    checked = Problem.of(*problem)
    assert checked.fits(found.stages)
    nodes, layers = checked.nodes, checked.layers
    for _ in range(20):
        count = random.randint(1, min(nodes, layers))
        cuts = sorted(random.sample(range(1, layers), count - 1))
        placement = list(zip(random.sample(range(nodes), count), [0, *cuts], [*cuts, layers], strict=True))
        assert found.lower_bound <= cost(*problem, objective, placement)


@settings(max_examples=60, deadline=None)
@given(problems(5, 8), st.sampled_from(OBJECTIVES), st.integers(-6, 6), st.integers(0, 6))
def test_units_do_not_matter(problem, objective, time_power, byte_power):
    seconds, sizes, capacity, links = (np.array(part, dtype=float) for part in problem)
    scale, size = 2.0**time_power, 2.0**byte_power
    try:
        found = partition(seconds, sizes, capacity, links, objective)
    except Infeasible:
        with pytest.raises(Infeasible):
            partition(seconds * scale, sizes * size, capacity * size, links * scale, objective)
        return
    scaled = partition(seconds * scale, sizes * size, capacity * size, links * scale, objective)
    assert scaled.stages == found.stages
    assert scaled.value == found.value * scale


def test_the_longest_prefix_is_not_always_the_best():
    # Node 0 reaches further than node 1 but only node 1 has a fast way to node 2.
    seconds = [[1, 1, 1, 9], [1, 9, 9, 9], [9, 1, 1, 1]]
    links = [[0, 9, 9], [9, 0, 1], [9, 9, 0]]
    found = partition(seconds, [1, 1, 1, 1], [3, 3, 3], links, "throughput")
    assert found.value == 3
    assert found.stages == (Span(1, 0, 0), Span(2, 1, 3))


def test_equal_bottlenecks_are_told_apart_by_latency():
    seconds = [[4, 1, 1, 1], [9, 1, 1, 1], [9, 2, 2, 2]]
    found = partition(seconds, [1] * 4, [9] * 3, np.full((3, 3), 0.5), "throughput")
    assert found.value == 4
    assert found.stages == (Span(0, 0, 0), Span(1, 1, 3))


def test_ties_go_to_fewer_nodes_and_lower_indices():
    found = partition(np.ones((3, 4)), np.ones(4), np.full(3, 4), np.zeros((3, 3)), "latency")
    assert found.stages == (Span(0, 0, 3),)


def test_equal_nodes_come_in_the_order_given():
    found = partition(np.ones((4, 6)), np.ones(6), np.full(4, 2), np.zeros((4, 4)), "throughput")
    assert found.stages == (Span(0, 0, 1), Span(1, 2, 3), Span(2, 4, 5))


def test_is_repeatable():
    random = np.random.default_rng(5)
    problem = (random.random((8, 20)), random.integers(1, 9, 20), np.full(8, 20), random.random((8, 8)))
    assert partition(*problem, "throughput") == partition(*problem, "throughput")


def test_infinite_capacity_and_empty_layers_are_allowed():
    found = partition([[1.0, 2.0]], [0, 0], [np.inf], [[np.nan]], "latency")
    assert found == Partition((Span(0, 0, 1),), 3.0, 3.0, exact=True)


def infeasible(*problem):
    with pytest.raises(Infeasible) as caught:
        partition(*problem)
    return caught.value


def test_names_the_layer_that_fits_no_node():
    error = infeasible(np.ones((2, 3)), [1, 50, 2], [40, 30], np.zeros((2, 2)))
    assert error.missing_bytes == 10
    assert "layer 1" in error.where


def test_counts_what_all_nodes_together_lack():
    error = infeasible(np.ones((2, 3)), [10, 10, 10], [12, 15], np.zeros((2, 2)))
    assert error.missing_bytes == 3
    assert "all nodes together" in error.where


def test_names_the_layers_left_over_by_whole_layers():
    error = infeasible(np.ones((2, 4)), [10, 10, 10, 10], [29, 19], np.zeros((2, 2)))
    assert error.missing_bytes == 10
    assert error.proven
    assert "layers 3 to 3" in error.where


def test_unreachable_nodes_do_not_count():
    error = infeasible(np.ones((2, 2)), [10, 10], [10, 10], [[0, np.inf], [np.inf, 0]])
    assert error.missing_bytes == 10


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seconds": [[1, np.nan]]}, "seconds[0, 1] is nan"),
        ({"seconds": [[1, -1]]}, "seconds[0, 1] is -1"),
        ({"seconds": [1, 2]}, "2 dimensions"),
        ({"seconds": np.ones((0, 2))}, "at least one node"),
        ({"sizes": [1, np.inf]}, "sizes[1] is inf"),
        ({"sizes": [1]}, "sizes must have (2,)"),
        ({"capacity": [-1]}, "capacity[0]"),
        ({"links": np.zeros((2, 2))}, "links must have (1, 1)"),
        ({"sizes": ["a", "b"]}, "array of numbers"),
        ({"objective": "speed"}, "latency, throughput"),
    ],
)
def test_refuses_wrong_input_by_name(changed, message):
    good = {"seconds": [[1, 1]], "sizes": [1, 1], "capacity": [2], "links": [[0]], "objective": "latency"}
    with pytest.raises(InvalidProblem) as caught:
        partition(**(good | changed))
    assert message in str(caught.value)
