"""Feedback arc sets: the cheapest edges of a directed graph without which it has no cycle, and how sure that is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from strata.migration.graph.arcs import Arc, cost_of, disjoint_bound, quick_arcs

_MOST_ARCS, _MOST_NODES = 20_000, 1500  # more take more than the time
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FeedbackArcs:
    """Edges whose removal leaves no cycle, what they cost, and what every such set costs at least."""

    arcs: tuple[Arc, ...]
    cost: int
    bound: int

    @property
    def minimal(self) -> bool:
        """Whether it is proved that none is cheaper."""
        return self.cost == self.bound


def feedback_arcs(costs: Mapping[Arc, int], seconds: float = _SECONDS) -> FeedbackArcs:
    """A cheap feedback arc set of the graph with these edges; costs are positive, and no edge is a loop.

    seconds: to spend on the proof; without time the bound is that of disjoint cycles.
    """
    best, bound = quick_arcs(costs), disjoint_bound(costs)
    nodes = {node for arc in costs for node in arc}
    if bound < cost_of(costs, best) and len(costs) <= _MOST_ARCS and len(nodes) <= _MOST_NODES:
        from strata.migration.graph.exact import exact_arcs

        best, bound = exact_arcs(costs, best, bound, time.monotonic() + seconds)
    return FeedbackArcs(tuple(sorted(best)), cost_of(costs, best), bound)
