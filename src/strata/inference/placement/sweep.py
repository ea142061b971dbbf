"""One pass over the prefixes that either relaxes or greedily keeps the rule that a node has one stage.

The state is (prefix, last node) instead of the exact solver's (prefix, last node, set of nodes), so a pass costs only
O(L N^2) vectorised operations. What is given up decides what the result means:

- relaxed, a node may come back later in the pipeline: a shortest *walk*, never dearer than the best placement. This is
  the state-space relaxation of Christofides, Mingozzi & Toth (1981). With a price on every visit it becomes a
  Lagrangian bound for the rule (`partition_bound`);
- elementary, a state keeps the nodes of the one path that it remembers and never visits them again: every result is a
  placement, not always the best.
"""

from dataclasses import dataclass, replace

import numpy as np

from strata.inference.placement.problem import Floats, Ints, Problem, Span, Stages


@dataclass(frozen=True)
class Stretch:
    """Where stages may lie: earliest (N, L+1) as `Problem.earliest` gives it, links, enter and leave cut at a limit."""

    problem: Problem
    earliest: Ints
    links: Floats
    enter: Floats
    leave: Floats

    @classmethod
    def within(cls, problem: Problem, limit: float = np.inf) -> "Stretch":
        """Allow the stages and links that take at most `limit` seconds."""
        links = np.where(problem.links <= limit, problem.links, np.inf)
        np.fill_diagonal(links, np.inf)
        enter, leave = (np.where(ends <= limit, ends, np.inf) for ends in (problem.enter, problem.leave))
        return cls(problem, problem.earliest(limit), links, enter, leave)

    def untimed(self) -> "Stretch":
        """The same without a cost for time: only prices count."""
        free = [np.where(np.isinf(x), np.inf, 0.0) for x in (self.links, self.enter, self.leave)]
        problem = replace(self.problem, seconds=np.zeros_like(self.problem.seconds))
        return Stretch(problem, self.earliest, *free)


@dataclass(frozen=True)
class Walk:
    """Stages in order, their cost with prices, and how often each node (N,) occurs."""

    stages: Stages
    cost: float
    visits: Ints


def sweep(stretch: Stretch, prices: Floats, *, elementary: bool) -> Walk | None:
    """Cheapest walk, or a cheap placement if `elementary`; None if the last prefix is not reached.

    prices (N,) are added for every visit of a node. Ties go to the lower node, then the earlier cut.
    """
    reach, start, came = _forward(stretch, prices, elementary)
    ends = reach[-1] + stretch.leave
    node = int(ends.argmin())
    if np.isinf(ends[node]):
        return None
    cost, prefix, stages = float(ends[node]), len(reach) - 1, list[Span]()
    while prefix:
        begin = int(start[prefix, node])
        stages.append(Span(node, begin, prefix - 1))
        prefix, node = begin, int(came[begin, node])
    visits = np.bincount([stage.node for stage in stages], minlength=len(prices))
    return Walk(tuple(reversed(stages)), cost, visits)


def furthest(stretch: Stretch) -> int:
    """How many layers from the front an elementary pass places."""
    reach, _, _ = _forward(stretch, np.ones(stretch.problem.nodes), elementary=True)
    return int(np.flatnonzero(np.isfinite(reach).any(axis=1)).max(initial=0))


def _forward(stretch: Stretch, prices: Floats, elementary: bool) -> tuple[Floats, Ints, Ints]:
    """reach[j, m]: cost of covering prefix j with m last; start[j, m]: where that stage starts; came[i, m]: the node
    before a stage of m that starts at prefix i."""
    problem, earliest = stretch.problem, stretch.earliest
    nodes, layers, elapsed = problem.nodes, problem.layers, problem.elapsed
    every = np.arange(nodes)
    reach = np.full((layers + 1, nodes), np.inf)
    start = np.zeros((layers + 1, nodes), dtype=np.int64)
    came = np.zeros((layers + 1, nodes), dtype=np.int64)
    waiting = np.full((nodes, layers), np.inf)  # cost up to the start of a stage, less the time before it on that node
    # Indexed [next node, last node], for a minimum along rows is several times faster than along columns.
    incoming = np.ascontiguousarray(stretch.links.T)
    used = np.zeros((layers + 1, nodes, nodes), dtype=bool) if elementary else None
    for begin in range(layers):
        arrived = stretch.enter
        if begin:
            costs = incoming + reach[begin]
            if used is not None:
                np.copyto(costs, np.inf, where=used[begin])
            came[begin] = costs.argmin(axis=1)
            arrived = costs[every, came[begin]]
        waiting[:, begin] = arrived - elapsed[:, begin]
        end = begin + 1
        low = int(earliest[:, end].min())
        if low == end:
            continue
        allowed = np.arange(low, end) >= earliest[:, end, None]
        options = np.where(allowed, waiting[:, low:end], np.inf)
        best = options.argmin(axis=1)
        start[end] = low + best
        reach[end] = options[every, best] + elapsed[:, end] + prices
        if used is not None:
            used[end] = used[start[end], :, came[start[end], every]].T
            used[end, every, every] = True
    return reach, start, came
