"""Progressive filling, against a sequence of linear programmes."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from strata.mesh.bandwidth.filling import DEMAND, NOTHING, fill

Case = tuple[list[list[int]], np.ndarray, np.ndarray, np.ndarray]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    resources, flows = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    some = st.lists(st.integers(0, resources - 1), min_size=1, max_size=3, unique=True)
    uses = [draw(some) for _ in range(flows)]
    capacity = np.array([draw(st.integers(1, 20)) for _ in range(resources)], float)
    weights = np.array([draw(st.sampled_from([1, 4, 16])) for _ in range(flows)], float)
    asked = np.array([draw(st.one_of(st.just(np.inf), st.integers(1, 10))) for _ in range(flows)], float)
    return uses, capacity, weights, asked


def by_linear_programmes(uses: list[list[int]], capacity: np.ndarray, weights: np.ndarray, asked: np.ndarray) -> list:
    """The largest level for all; who can get no more is held at it; then the largest for the others; and so on."""
    flows = len(uses)
    within = np.array([[resource in own for own in uses] for resource in range(len(capacity))], float)
    held: dict[int, float] = {}
    while len(held) < flows:
        free = [flow for flow in range(flows) if flow not in held]
        # The rates, then the level; a free flow has the level times its weight at least.
        rows = np.zeros((len(free), flows + 1))
        rows[np.arange(len(free)), free] = -1
        rows[:, -1] = weights[free]
        bounds = [(held[flow],) * 2 if flow in held else (0, asked[flow]) for flow in range(flows)]
        a_ub = np.vstack([np.hstack([within, np.zeros((len(capacity), 1))]), rows])
        b_ub = np.concatenate([capacity, np.zeros(len(free))])
        level = -linprog([0] * flows + [-1], a_ub, b_ub, bounds=[*bounds, (0, None)]).fun
        for flow in free:
            aim = np.zeros(flows)
            aim[flow] = -1
            least = [
                (weights[each] * level * (1 - 1e-9), asked[each]) if each in free else bounds[each]
                for each in range(flows)
            ]
            most = -linprog(aim, within, capacity + 1e-9, bounds=least).fun
            if most <= weights[flow] * level + 1e-6:
                held[flow] = weights[flow] * level
    return [held[flow] for flow in range(flows)]


@given(cases())
def test_the_rates_are_those_of_the_linear_programmes(case: Case) -> None:
    rates, _ = fill(*case)
    assert rates == pytest.approx(by_linear_programmes(*case), rel=1e-6)


@given(cases())
def test_each_flow_is_bound_by_what_it_says(case: Case) -> None:
    uses, capacity, weights, asked = case
    rates, bound = fill(*case)
    used = np.array([sum(rates[flow] for flow, own in enumerate(uses) if at in own) for at in range(len(capacity))])
    assert (used <= capacity * (1 + 1e-9)).all()
    for flow, by in enumerate(bound):
        if by == DEMAND:
            assert rates[flow] == asked[flow]
            continue
        # There, none has more for its weight: so nobody could give it more without having less than it.
        assert by in uses[flow]
        assert used[by] == pytest.approx(capacity[by])
        level = rates[flow] / weights[flow]
        assert all(rates[each] / weights[each] <= level * (1 + 1e-9) for each, own in enumerate(uses) if by in own)


def test_what_nothing_binds_has_no_end() -> None:
    rates, bound = fill([[0], [1], []], np.array([np.inf, 4.0]), np.ones(3), np.array([np.inf, np.inf, 7.0]))
    assert rates.tolist() == [np.inf, 4, 7]
    assert bound.tolist() == [NOTHING, 1, DEMAND]
    assert fill([], np.zeros(0), np.zeros(0), np.zeros(0))[0].size == 0


def test_nothing_left_is_shared_as_nothing() -> None:
    assert fill([[0], [0]], np.zeros(1), np.ones(2), np.full(2, np.inf))[0].tolist() == [0, 0]


def test_many_flows_in_no_time() -> None:
    random = np.random.default_rng(1)
    uses = [random.choice(500, 6, replace=False).tolist() for _ in range(2000)]
    begun = time.perf_counter()
    fill(uses, random.uniform(1e6, 1e9, 500), random.choice([1.0, 4.0, 16.0], 2000), np.full(2000, np.inf))
    assert time.perf_counter() - begun < 5  # a machine at its limit: what is required is measured in the benchmark
