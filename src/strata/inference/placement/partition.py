"""Cut a model's layers into stages and place them on nodes, with a proof of how good the placement is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from strata.inference.placement import exact, heuristic
from strata.inference.placement.problem import (
    Infeasible,
    InvalidProblem,
    Objective,
    Problem,
    Span,
    check_objective,
)

__all__ = ["Infeasible", "InvalidProblem", "Objective", "Partition", "Span", "partition"]


@dataclass(frozen=True)
class Partition:
    """Ordered stages, their seconds under the objective, and a proven lower bound on every placement's seconds."""

    stages: tuple[Span, ...]
    value: float
    lower_bound: float
    exact: bool


def partition(
    seconds: ArrayLike, sizes: ArrayLike, capacity: ArrayLike, links: ArrayLike, objective: Objective = "latency"
) -> Partition:
    """Place contiguous runs of layers on nodes.

    seconds[node, layer]: time of that layer on that node. sizes[layer], capacity[node]: bytes (whole numbers below
    2**53 are added exactly). links[node, node]: seconds from one node to the next, infinite if unreachable.
    objective: "latency" is the sum of the stages' seconds and of the links between consecutive stages; "throughput" is
    the slowest stage or link.

    Exact up to 12 nodes by 130 layers, where `lower_bound` is the value; beyond that the best placement found, with a
    proven bound. Among exact placements with the same bottleneck one of least latency is taken; ties then go to fewer
    nodes, and to lower node indices (`exact.solve`).

    Stages cover all layers in order; a node has at most one stage; nodes may be left out and come in any order. The
    same inputs always give the same stages. Raises InvalidProblem, or Infeasible with the missing bytes.
    """
    check_objective(objective)
    problem = Problem.of(seconds, sizes, capacity, links)
    _check_memory(problem)
    if exact.is_small(problem.nodes, problem.layers):
        stages = exact.solve(problem, objective)
        if stages is None:
            raise _left_over(problem, exact.furthest_prefix(problem), proven=True)
        value = problem.value(stages, objective)
        return Partition(stages, value, value, exact=True)
    stages, bound = heuristic.solve(problem, objective)
    if stages is None:
        raise _left_over(problem, heuristic.furthest_prefix(problem), proven=bool(np.isinf(bound)))
    return Partition(stages, problem.value(stages, objective), bound, exact=False)


def _check_memory(problem: Problem) -> None:
    """Raise Infeasible if one layer is larger than every node, or all layers larger than all nodes together."""
    largest = float(problem.capacity.max())
    layer = int(problem.sizes.argmax())
    if problem.sizes[layer] > largest:
        missing = int(np.ceil(problem.sizes[layer] - largest))
        raise Infeasible(
            missing, f"layer {layer} needs {problem.sizes[layer]:,.0f} bytes and the largest node has {largest:,.0f}"
        )
    total, available = float(problem.stored[-1]), float(problem.capacity.sum())
    if total > available:
        missing = int(np.ceil(total - available))
        raise Infeasible(missing, f"all layers need {total:,.0f} bytes and all nodes together have {available:,.0f}")


def _left_over(problem: Problem, prefix: int, proven: bool) -> Infeasible:
    """The error for memory that suffices in sum but not in whole layers on nodes that reach each other."""
    missing = int(np.ceil(problem.stored[-1] - problem.stored[prefix]))
    return Infeasible(
        missing,
        f"layers {prefix} to {problem.layers - 1} are left over however nodes that reach each other share whole layers",
        proven,
    )
