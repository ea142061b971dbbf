"""Beyond the exact solver's size: bounds hold, placements are valid, pieces only get better."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.inference.placement import exact as partition_exact
from strata.inference.placement import heuristic as partition_heuristic
from strata.inference.placement.improve import improve
from strata.inference.placement.problem import Problem
from strata.inference.placement.sweep import Stretch, sweep
from strata.inference.plan import Infeasible, partition


def instance(seed, nodes, layers, slack=1.6):
    """Unequal nodes and links; memory for `slack` times the layers altogether."""
    random = np.random.default_rng(seed)
    seconds = random.uniform(0.5, 4, (nodes, 1)) * random.uniform(0.5, 1.5, layers)
    sizes = random.integers(1, 100, layers)
    shares = random.uniform(0.5, 1.5, nodes)
    capacity = np.maximum(shares / shares.sum() * sizes.sum() * slack, sizes.max()).astype(int)
    return seconds, sizes, capacity, random.uniform(0, 3, (nodes, nodes))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.integers(2, 14), st.sampled_from(["latency", "throughput"]))
def test_encloses_the_exact_value(seed, nodes, layers, objective):
    problem = Problem.of(*instance(seed, nodes, layers))
    exact = partition_exact.solve(problem, objective)
    stages, bound = partition_heuristic.solve(problem, objective)
    if exact is None:
        assert stages is None
        return
    value = problem.value(exact, objective)
    assert bound <= value * (1 + 1e-12)
    if stages is not None:
        assert problem.fits(stages)
        assert problem.value(stages, objective) >= value * (1 - 1e-12)


@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_places_thirty_nodes_close_to_the_bound(objective):
    given_ = instance(3, 30, 40)
    found = partition(*given_, objective)
    assert Problem.of(*given_).fits(found.stages)
    assert not found.exact
    assert found.lower_bound <= found.value <= 1.15 * found.lower_bound
    assert partition(*given_, objective) == found


@pytest.mark.parametrize("objective", ["latency", "throughput"])
def test_equal_nodes_without_links_are_solved_to_the_bound(objective):
    found = partition(np.ones((20, 40)), np.ones(40), np.full(20, 2), np.zeros((20, 20)), objective)
    assert found.value == pytest.approx(found.lower_bound)
    assert found.value == (40 if objective == "latency" else 2)


def test_whole_layers_that_cannot_be_dealt_out_are_proven():
    with pytest.raises(Infeasible) as caught:
        partition(np.ones((14, 16)), np.full(16, 10), np.full(14, 19), np.zeros((14, 14)))
    assert caught.value.proven
    assert caught.value.missing_bytes == 20


def test_says_so_when_nothing_was_found_and_nothing_proven():
    # Either island is too small, but prices on visits cannot be high in both at once.
    links = np.full((14, 14), np.inf)
    links[:7, :7] = links[7:, 7:] = 0
    with pytest.raises(Infeasible) as caught:
        partition(np.ones((14, 16)), np.full(16, 10), np.full(14, 20), links)
    assert not caught.value.proven
    assert "not proven" in str(caught.value)
    assert caught.value.missing_bytes == 20


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["latency", "throughput"]))
def test_improving_keeps_a_placement_valid_and_never_makes_it_worse(seed, objective):
    problem = Problem.of(*instance(seed, 14, 18, slack=2.5))
    start = sweep(Stretch.within(problem), np.zeros(14), elementary=True)
    if start is None:
        return
    better = improve(problem, start.stages, objective, 50_000_000)
    assert problem.fits(better)
    assert problem.value(better, objective) <= problem.value(start.stages, objective)


def test_the_limit_bounds_work_not_only_nodes():
    assert partition_exact.is_small(12, 130)
    assert partition_exact.is_small(4, 1000)
    assert not partition_exact.is_small(13, 10)
    assert not partition_exact.is_small(12, 131)
