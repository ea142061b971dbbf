"""The best placement on nodes whose order is given, and the nearest one to what they hold that is about as good.

In a given order it is a small dynamic programme over (last node, prefix), with nodes left out where that helps: exact
for either objective in O(N^2 L + N L^2). A pipeline that runs keeps its order, since shifting the cuts between
neighbours sends few layers, where the best of all orders would send nearly all of them.
"""

from typing import NamedTuple

import numpy as np

from strata.inference.placement.problem import Floats, Objective, Problem, Span, Stages, check_objective


class _Step(NamedTuple):
    """costs[n, i, j] of node n's stage from prefix i to j, hops[m, n] of going on from m to n; infinite: forbidden."""

    costs: Floats
    hops: Floats


def solve(problem: Problem, objective: Objective, lacking: Floats, slack: float = 0.0) -> Stages | None:
    """Stages whose nodes come in the order of their indices; None where no such placement fits.

    lacking (N, L): bytes of each layer that each node would have to be sent. For "throughput", of all placements within
    `slack` (a share) of the best, one that sends the fewest bytes; for "latency" the best one. Raises InvalidProblem.
    """
    check_objective(objective)
    hops = problem.links.copy()
    hops[np.tril_indices(problem.nodes)] = np.inf  # only onwards
    timed = _Step(problem.stage_seconds, hops)
    found = _run(timed, largest=objective == "throughput")
    if found is None or objective == "latency":
        return found
    limit = problem.value(found, objective) * (1 + slack)
    sent = np.concatenate([np.zeros((problem.nodes, 1)), np.cumsum(lacking, axis=1)], axis=1)
    moved = sent[:, None, :] - sent[:, :, None]
    allowed = problem.stage_seconds <= limit
    return _run(_Step(np.where(allowed, moved, np.inf), np.where(hops <= limit, 0.0, np.inf)), largest=False)


def _run(step: _Step, *, largest: bool) -> Stages | None:
    """Cheapest way to the last prefix, by the largest cost on the way or by their sum."""
    join = np.maximum if largest else np.add
    nodes, ends, _ = step.costs.shape
    reach = np.full((nodes, ends), np.inf)  # cost of covering prefix j with node n last
    start = np.zeros((nodes, ends), dtype=np.int64)
    came = np.zeros((nodes, ends), dtype=np.int64)  # the node before one of n's stages that starts at prefix i
    for node in range(nodes):
        arrived = np.full(ends, np.inf)
        arrived[0] = 0.0
        if node:
            ways = join(reach[:node], step.hops[:node, node, None])
            came[node, 1:] = ways[:, 1:].argmin(axis=0)
            arrived[1:] = ways[:, 1:].min(axis=0)
        options = join(arrived[:, None], step.costs[node])
        start[node] = options.argmin(axis=0)
        reach[node] = options.min(axis=0)
    node, prefix = int(reach[:, -1].argmin()), ends - 1
    if np.isinf(reach[node, -1]):
        return None
    stages: list[Span] = []
    while prefix:
        begin = int(start[node, prefix])
        stages.append(Span(node, begin, prefix - 1))
        prefix, node = begin, int(came[node, begin])
    return tuple(reversed(stages))
