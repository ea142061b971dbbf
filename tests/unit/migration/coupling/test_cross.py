"""Cross-package coupling: by hand, by its definition, and while modules move."""

import math

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.coupling import Moving, circles, distance, measure, pair_weights, see_through, weight
from strata.migration.graph import ImportEdge

PACKAGES = ("", "a", "b", "a.x", "a.y", "a.x.u", "b.x")
MODULES = tuple(f"m{number}" for number in range(9))


def edge(importer: str, imported: str, *names: str, line: int = 1) -> ImportEdge:
    return ImportEdge(importer, imported, line, names, False, False)


edges = st.lists(
    st.builds(
        lambda pair, names: edge(pair[0], pair[1], *names),
        st.tuples(st.sampled_from(MODULES), st.sampled_from(MODULES)).filter(lambda pair: pair[0] != pair[1]),
        st.lists(st.sampled_from("pqrst"), unique=True),
    ),
    max_size=40,
)
packages = st.fixed_dictionaries({module: st.sampled_from(PACKAGES) for module in MODULES})
moves = st.lists(st.tuples(st.sampled_from(MODULES), st.sampled_from(PACKAGES)), max_size=12)


def test_a_project_measured_by_hand():
    found = measure(
        [
            edge("a.m", "b.n", "p", "q"),
            edge("a.m", "b.n", "q", "r", line=7),  # the same pair: three names, two steps
            edge("a.m", "a.x.k"),  # the module itself: one name, one step
            edge("a.m", "a.o", "p"),  # inside the package
            edge("b.n", "a.m", "p"),  # back: a circle of two packages
        ],
        {"a.m": "a", "a.o": "a", "b.n": "b", "a.x.k": "a.x"},
    )
    assert found.weighted == pytest.approx(2 * (1 + math.log(3)) + 1 + 2, abs=1e-5)
    assert (found.pairs, found.package_pairs, found.cycles, found.packages_in_cycles) == (3, 3, 1, 2)


def test_weights_replace_those_of_names_and_others_keep_theirs():
    packages = {"m": "a", "n": "b", "o": "b"}
    found = measure([edge("m", "n"), edge("m", "o")], packages, {("m", "n"): weight(5, 1), ("x", "y"): 99.0})
    assert found.weighted == (5 + 1) * 2


def test_a_shim_is_counted_apart_and_what_it_passes_on_is_seen():
    packages = {"a.user": "a", "a.old": "a", "b.new": "b", "b.other": "b"}
    kept = [edge("a.user", "a.old", "x"), edge("a.old", "b.new", "x"), edge("a.old", "b.other", "y")]
    moved = see_through(kept, {"a.old"})
    assert {(each.importer, each.imported, each.names) for each in moved} == {
        ("a.user", "b.new", ("x",)),
        ("a.old", "b.new", ("x",)),
        ("a.old", "b.other", ("y",)),
    }
    hidden, honest = (measure(given, packages, shims={"a.old"}) for given in (kept, moved))
    assert (hidden.pairs, hidden.shim_pairs) == (0, 2)
    assert (honest.pairs, honest.shim_pairs, honest.weighted) == (1, 2, 2.0)


def test_shims_that_pass_on_to_each_other_end():
    kept = [edge("user", "old"), edge("old", "older"), edge("older", "old"), edge("older", "new")]
    assert {e.imported for e in see_through(kept, {"old", "older"}) if e.importer == "user"} == {"new"}


@given(st.sampled_from(PACKAGES), st.sampled_from(PACKAGES), st.sampled_from(PACKAGES))
def test_distance_is_a_metric(one, other, third):
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    assert distance(one, third) <= distance(one, other) + distance(other, third)


def test_distance_counts_steps():
    assert [distance(*pair) for pair in [("a", "a.b"), ("a.b", "a.c"), ("a", "b"), ("", "a.b")]] == [1, 2, 2, 2]


@given(st.lists(st.tuples(st.sampled_from(MODULES), st.sampled_from(MODULES)), max_size=30))
def test_circles_are_networkx_strongly_connected_components(pairs):
    graph = networkx.DiGraph(pairs)
    expected = {frozenset(each) for each in networkx.strongly_connected_components(graph) if len(each) > 1}
    found = circles(pairs)
    assert {frozenset(each) for each in found} == expected
    assert len(found) == len(expected)


@given(edges, packages, moves)
def test_moving_is_measuring_from_scratch(edges, packages, moves):
    moving = Moving(pair_weights(edges), packages)
    now = dict(packages)
    for module, package in moves:
        before = moving.total()
        assert before == measure(edges, now)
        foretold = moving.delta(module, package)
        assert moving.move(module, package) == foretold
        now[module] = package
        after = moving.total()
        assert foretold.weighted == after.weighted - before.weighted
        assert foretold.pairs == after.pairs - before.pairs
        assert foretold.package_pairs == after.package_pairs - before.package_pairs
    assert moving.total() == measure(edges, now)
    assert moving.packages == now


@given(edges, packages, st.randoms(use_true_random=False))
def test_the_order_of_edges_does_not_matter(edges, packages, random):
    shuffled = list(edges)
    random.shuffle(shuffled)
    assert measure(edges, packages) == measure(shuffled, packages)


def test_a_deep_circle_is_found_without_recursion():
    names = [f"m{number}" for number in range(20_000)]
    assert [len(each) for each in circles(zip(names, [*names[1:], names[0]], strict=True))] == [20_000]
