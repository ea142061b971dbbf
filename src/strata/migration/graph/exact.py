"""The cheapest feedback arc set by an integer program, and a lower bound on its cost.

Every cycle must lose an edge. There are too many cycles to write down, so only those are that a solution so far leaves
whole: first of the linear relaxation, whose shortest cycles are the ones it falls short of, then of the program itself
(lazy constraints as in Baharev, Schichl, Neumaier and Achterberg, "An exact method for the minimum feedback arc set
problem", 2021; solved by HiGHS). Any of these programs bounds the cost from below, whenever time is up.
"""

import math
import time
from collections.abc import Mapping

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from strata.migration.graph.arcs import Arc, cost_of, quick_arcs

_TINY = 1e-6
Cycle = tuple[int, ...]  # of edges, by their number


def exact_arcs(costs: Mapping[Arc, int], best: set[Arc], bound: int, deadline: float) -> tuple[set[Arc], int]:
    """A set and a bound that are no worse than those given, and equal in cost where the time was enough.

    deadline: by `time.monotonic`.
    """
    graph = _Graph(costs)
    cycles: dict[Cycle, None] = dict.fromkeys(graph.short_cycles(np.zeros(len(graph.arcs))))
    whole = False
    while bound < cost_of(costs, best) and (left := deadline - time.monotonic()) > 0:
        values, below = graph.solve(list(cycles), left, whole=whole)
        bound = max(bound, below)
        if values is None:
            break
        more = [cycle for cycle in graph.short_cycles(values) if cycle not in cycles]
        chosen = {arc for arc, value in zip(graph.arcs, values, strict=True) if value > 0.5}
        rest = {arc: cost for arc, cost in costs.items() if arc not in chosen}
        best = min(best, chosen | quick_arcs(rest), key=lambda each: cost_of(costs, each))
        if not more and whole:
            break
        whole = whole or not more
        cycles.update(dict.fromkeys(more))
    return best, min(bound, cost_of(costs, best))


class _Graph:
    def __init__(self, costs: Mapping[Arc, int]) -> None:
        self.arcs = list(costs)
        self._weights = np.array([costs[arc] for arc in self.arcs], float)
        nodes = {node: at for at, node in enumerate(sorted({node for arc in self.arcs for node in arc}))}
        self._ends = [(nodes[a], nodes[b]) for a, b in self.arcs]
        self._number = {ends: at for at, ends in enumerate(self._ends)}
        self._nodes = len(nodes)

    def solve(self, cycles: list[Cycle], seconds: float, *, whole: bool) -> tuple[np.ndarray | None, int]:
        """How much of each edge is taken, so that every cycle loses one in all, and a bound on the cost."""
        rows = np.repeat(np.arange(len(cycles)), [len(cycle) for cycle in cycles])
        columns = np.concatenate([np.array(cycle) for cycle in cycles])
        matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(cycles), len(self.arcs)))
        solved = milp(
            self._weights,
            integrality=np.full(len(self.arcs), int(whole)),
            bounds=Bounds(0, 1),
            constraints=LinearConstraint(matrix, lb=1),
            options={"time_limit": seconds},
        )
        below = solved.mip_dual_bound if whole else solved.fun if solved.success else None
        return solved.x, math.ceil(below - _TINY) if below is not None and math.isfinite(below) else 0

    def short_cycles(self, values: np.ndarray) -> list[Cycle]:
        """Cycles that lose less than one edge in all: through each edge the one that loses least, but none of which an
        edge is in another already.
        """
        starts, ends = np.array(self._ends).T
        # An edge of which nothing is taken must not look like none.
        lengths = csr_array((values + _TINY, (starts, ends)), shape=(self._nodes, self._nodes))
        distances, before = shortest_path(lengths, return_predecessors=True)
        around = values + distances[ends, starts]
        seen: set[int] = set()
        found = []
        for at in np.argsort(around, kind="stable"):
            if around[at] >= 1 - 1e-3 or not np.isfinite(around[at]):
                break
            if int(at) in seen:
                continue
            first, node = self._ends[at]
            cycle, last = [int(at)], first
            while last != node:
                previous = int(before[node, last])
                cycle.append(self._number[previous, last])
                last = previous
            seen.update(cycle)
            found.append(tuple(sorted(cycle)))
        return found
