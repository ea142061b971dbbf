"""Placements in a given order, against all of them."""

from itertools import combinations

import numpy as np
import pytest

from strata.inference.placement.ordered import solve
from strata.inference.placement.problem import Problem, Span


def _all(problem: Problem):
    """Every placement whose nodes come in order."""
    for count in range(1, problem.nodes + 1):
        for nodes in combinations(range(problem.nodes), count):
            for cuts in combinations(range(1, problem.layers), count - 1):
                starts, ends = (0, *cuts), (*cuts, problem.layers)
                stages = tuple(Span(n, a, b - 1) for n, a, b in zip(nodes, starts, ends, strict=True))
                if problem.fits(stages):
                    yield stages


@pytest.mark.parametrize("seed", range(25))
def test_it_finds_what_enumeration_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes, layers = 4, 6
    links = random.uniform(0, 3, (nodes, nodes))
    links[random.random((nodes, nodes)) < 0.2] = np.inf
    problem = Problem.of(
        random.uniform(0.5, 2, (nodes, layers)), random.uniform(1, 2, layers), random.uniform(1, 8, nodes), links
    )
    lacking = random.integers(0, 5, (nodes, layers)).astype(float)
    every = list(_all(problem))

    def sent(stages) -> float:
        return sum(lacking[s.node, s.first : s.last + 1].sum() for s in stages)

    for objective in ("throughput", "latency"):
        found = solve(problem, objective, lacking, slack=0.2)
        best = min((problem.value(stages, objective) for stages in every), default=np.inf)
        if found is None or np.isinf(best):
            assert found is None
            assert np.isinf(best)
            continue
        assert problem.fits(found)
        if objective == "latency":
            assert problem.value(found, objective) == pytest.approx(best)
        else:
            near = [s for s in every if problem.value(s, objective) <= best * 1.2 + 1e-12]
            assert problem.value(found, objective) <= best * 1.2 + 1e-9
            assert sent(found) == pytest.approx(min(map(sent, near)))
