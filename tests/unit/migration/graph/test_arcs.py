"""Feedback arc sets, against all orders of a small graph."""

import random
from itertools import permutations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.graph import feedback_arcs
from strata.migration.graph.arcs import arc_order

NODES = "abcdef"
COSTS = st.dictionaries(
    st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda arc: arc[0] != arc[1]), st.integers(1, 5)
)


def cheapest(costs: dict[tuple[str, str], int]) -> int:
    """By trying all orders of the nodes."""
    nodes = sorted({node for arc in costs for node in arc})
    best = sum(costs.values())
    for order in permutations(nodes):
        place = {node: index for index, node in enumerate(order)}
        best = min(best, sum(cost for (a, b), cost in costs.items() if place[a] > place[b]))
    return best


def acyclic(costs: dict[tuple[str, str], int], removed: tuple[tuple[str, str], ...]) -> bool:
    return networkx.is_directed_acyclic_graph(networkx.DiGraph([arc for arc in costs if arc not in removed]))


@given(COSTS)
def test_the_cheapest_of_small_graphs(costs: dict[tuple[str, str], int]) -> None:
    found = feedback_arcs(costs)
    assert acyclic(costs, found.arcs)
    assert found.cost == sum(costs[arc] for arc in found.arcs) == found.bound == cheapest(costs)
    assert found.minimal


@given(COSTS)
def test_without_time_a_set_and_a_true_bound(costs: dict[tuple[str, str], int]) -> None:
    found = feedback_arcs(costs, seconds=0)
    assert acyclic(costs, found.arcs)
    assert found.bound <= cheapest(costs) <= found.cost
    assert found.minimal == (found.bound == found.cost)


def test_no_edge_is_taken_that_could_stay() -> None:
    generator = random.Random(5)
    nodes = [str(n) for n in range(60)]
    costs = {(a, b): generator.randint(1, 9) for a in nodes for b in nodes if a != b and generator.random() < 0.06}
    found = feedback_arcs(costs, seconds=0)
    assert acyclic(costs, found.arcs)
    for arc in found.arcs:
        assert not acyclic(costs, tuple(other for other in found.arcs if other != arc))
    better = feedback_arcs(costs)
    assert acyclic(costs, better.arcs)
    assert found.bound <= better.bound <= better.cost <= found.cost


@pytest.mark.parametrize("costs", [{}, {("a", "b"): 1}])
def test_nothing_to_take(costs: dict[tuple[str, str], int]) -> None:
    found = feedback_arcs(costs)
    assert (found.arcs, found.cost, found.bound) == ((), 0, 0)


def test_the_order_of_a_graph_without_cycles_has_no_edge_backwards() -> None:
    generator = random.Random(5)
    costs = {(str(a), str(b)): generator.randint(1, 9) for a in range(40) for b in range(a) if generator.random() < 0.1}
    place = {node: index for index, node in enumerate(arc_order(costs))}
    assert all(place[a] < place[b] for a, b in costs)
