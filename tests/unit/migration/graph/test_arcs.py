"""Feedback arc sets, against all orders of a small graph."""

import random
from itertools import permutations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.graph import feedback_arcs
from strata.migration.graph.arcs import arc_order, cost_of, quick_arcs

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
    found = feedback_arcs(costs, seconds=60)
    assert acyclic(costs, found.arcs)
    assert found.cost == sum(costs[arc] for arc in found.arcs) == found.bound == cheapest(costs)
    assert found.minimal


@given(COSTS)
def test_without_time_a_set_and_a_true_bound(costs: dict[tuple[str, str], int]) -> None:
    found = feedback_arcs(costs, seconds=0)
    assert acyclic(costs, found.arcs)
    assert found.bound <= cheapest(costs) <= found.cost
    assert found.minimal == (found.bound == found.cost)


def cheapest_of_larger(costs: dict[tuple[str, str], int]) -> int:
    """By the sets of nodes that can come first: the cheapest way to order each from those with one node less."""
    nodes = sorted({node for arc in costs for node in arc})
    into = [[costs.get((b, a), 0) for b in nodes] for a in nodes]  # paid by `a` for each `b` that comes later
    best = [0] * (1 << len(nodes))
    for first in range(1, 1 << len(nodes)):
        later = [at for at in range(len(nodes)) if not first >> at & 1]
        inside = [at for at in range(len(nodes)) if first >> at & 1]
        best[first] = min(best[first ^ 1 << last] + sum(into[last][at] for at in later) for last in inside)
    return best[-1]


@pytest.mark.parametrize("seed", range(4))
def test_the_cheapest_of_graphs_that_the_quick_way_gets_wrong(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(50):
        arcs = [(a, b) for a in "abcdefghij" for b in "abcdefghij" if a != b and generator.random() < 0.45]
        costs = {arc: generator.randint(1, 9) for arc in arcs}
        found = feedback_arcs(costs, seconds=30)
        if found.cost < cost_of(costs, quick_arcs(costs)):
            break
    assert found.cost == found.bound == cheapest_of_larger(costs) < cost_of(costs, quick_arcs(costs))
    assert acyclic(costs, found.arcs)


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
