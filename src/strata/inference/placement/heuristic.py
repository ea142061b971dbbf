"""Partition for more nodes than the exact solver takes: a good placement and a proof of how good it must be.

1. Lagrangian prices (`partition_bound`) give a lower bound, and placements on the way. The latency is bounded directly;
   for the throughput, bottlenecks are proven impossible or found possible by bisection.
2. The best placement is improved piece by piece with the exact solver (`partition_improve`).

Work is counted in passes, not in time, so the same inputs give the same answer on any machine.
"""

import numpy as np

from strata.inference.placement.bound import NoPlacement, Search, latency_bounds
from strata.inference.placement.improve import improve
from strata.inference.placement.problem import Objective, Problem, Stages
from strata.inference.placement.sweep import Stretch, furthest

# Of the exact solver's units; some tenths of a second.
_IMPROVING_WORK = 300_000_000


def solve(problem: Problem, objective: Objective) -> tuple[Stages | None, float]:
    """Stages, None if none were found, and a lower bound on their value, infinite if there are provably none."""
    try:
        stages = Search(problem).within(np.inf, _passes(problem, 60))
        if stages is None:
            return None, 0.0
        search = _latency if objective == "latency" else _throughput
        stages, bound = search(problem, stages)
    except NoPlacement:
        return None, np.inf
    if problem.value(stages, objective) > bound * (1 + 1e-9):
        stages = improve(problem, stages, objective, _IMPROVING_WORK)
    return stages, min(bound, problem.value(stages, objective))


def furthest_prefix(problem: Problem) -> int:
    """How many layers from the front could be placed."""
    return furthest(Stretch.within(problem).untimed())


def _passes(problem: Problem, usual: int) -> int:
    """Number of passes: `usual` for 100 nodes by 130 layers, more or fewer for smaller or larger problems."""
    work = problem.layers * (problem.nodes**2 + 15_000)
    return max(4, min(10 * usual, usual * 130 * (100**2 + 15_000) // work))


def _latency(problem: Problem, stages: Stages) -> tuple[Stages, float]:
    lower = 0.0
    for bound, found in latency_bounds(problem, _passes(problem, 240)):
        lower = max(lower, bound)
        if found is not None:
            stages = min(stages, found, key=lambda s: problem.value(s, "latency"))
    return stages, lower


def _throughput(problem: Problem, stages: Stages) -> tuple[Stages, float]:
    """Bisect twice over all values that a bottleneck can have: for a placement, then for a proof."""
    times, hops, search = problem.stage_seconds, problem.links, Search(problem)
    values = np.unique(np.concatenate([times[np.isfinite(times)], hops[np.isfinite(hops)]]))
    rounds = _passes(problem, 12)
    # Below `impossible` everything is proven impossible; nothing was found from there to `undecided`.
    impossible, undecided = 0, 0
    while True:
        # A value sums seconds in another order than `values` do, hence the allowance.
        reached = int(np.searchsorted(values, problem.value(stages, "throughput") * (1 - 1e-12)))
        low = max(impossible, undecided)
        if low >= reached:
            break
        middle = (low + reached) // 2
        try:
            found = search.within(float(values[middle]), rounds)
        except NoPlacement:
            impossible = middle + 1
            continue
        if found is None:
            undecided = middle + 1
        else:
            stages = found
    high = min(undecided, reached)
    while impossible < high:
        middle = (impossible + high) // 2
        try:
            found = search.within(float(values[middle]), rounds)
        except NoPlacement:
            impossible = middle + 1
            continue
        high = middle
        if found is not None:
            stages = min(stages, found, key=lambda s: problem.value(s, "throughput"))
    return stages, float(values[min(impossible, len(values) - 1)])
