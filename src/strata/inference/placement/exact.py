"""Exact partition for a dozen nodes: dynamic programmes over (prefix, last node, set of nodes used).

Free node order with unequal links is NP-hard (Benoit & Robert 2008), so some factor 2^N is the price. Prefixes are
visited in order and *all* sets of nodes are advanced at once: as one vector of 2^N numbers for the latency, as one
integer of 2^N bits for the question whether a bottleneck can be met. The starts a stage may have are a window of
prefixes that depends on its node and its end alone, so the best start is a sliding-window minimum (or a sliding-window
OR), three operations each.
Work: N^2 L vector operations of length 2^N.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np

from strata.inference.placement.problem import Floats, Ints, Objective, Problem, Span, Stages

T = TypeVar("T")

# 12 nodes by 130 layers fit; fewer nodes may have more layers for the same work.
MAX_NODES = 12
MAX_LAYERS = 1040
MAX_WORK = 12**2 * 2**12 * 130


def is_small(nodes: int, layers: int) -> bool:
    """Whether the exact solver answers within about a second."""
    return nodes <= MAX_NODES and layers <= MAX_LAYERS and nodes**2 * 2**nodes * layers <= MAX_WORK


def solve(problem: Problem, objective: Objective) -> Stages | None:
    """The best stages, or None if there are none.

    Throughput takes, among all placements with the smallest bottleneck, one of least latency. Ties of the latency go to
    fewer nodes, then to the set that is smaller as a binary number, then to earlier cuts and to equal nodes in their
    given order.
    """
    limit = np.inf if objective == "latency" else _bottleneck(problem)
    return None if limit is None else _shortest(problem, limit)


def furthest_prefix(problem: Problem) -> int:
    """How many layers from the front fit at most."""
    return max(prefix for prefix, reached in enumerate(_reachable(problem, np.inf)) if any(reached))


class _Window(Generic[T]):
    """A queue that knows the aggregate of what it holds: two stacks, amortised three combinations for each element."""

    def __init__(self, combine: Callable[[T, T], T]) -> None:
        self._combine = combine
        self._front: list[T] = []  # aggregates from each element to the middle; the oldest on top
        self._back: list[T] = []
        self._back_total: T | None = None

    def push(self, value: T) -> None:
        self._back_total = value if self._back_total is None else self._combine(self._back_total, value)
        self._back.append(value)

    def pop(self) -> None:
        if not self._front:
            while self._back:
                value = self._back.pop()
                self._front.append(self._combine(self._front[-1], value) if self._front else value)
            self._back_total = None
        self._front.pop()

    def total(self) -> T | None:
        if not self._front:
            return self._back_total
        return self._front[-1] if self._back_total is None else self._combine(self._front[-1], self._back_total)


def _bottleneck(problem: Problem) -> float | None:
    """Smallest achievable maximum of stages and links, by bisection over all values that it can take."""
    times = problem.stage_seconds
    hops = np.concatenate([problem.links.ravel(), problem.enter, problem.leave])
    values = np.unique(np.concatenate([times[np.isfinite(times)], hops[np.isfinite(hops)]]))
    low, high = 0, len(values) - 1
    if high < 0 or not any(_reachable(problem, float(values[high]))[-1]):
        return None
    while low < high:
        middle = (low + high) // 2
        if any(_reachable(problem, float(values[middle]))[-1]):
            high = middle
        else:
            low = middle + 1
    return float(values[low])


def _reachable(problem: Problem, limit: float) -> list[list[int]]:
    """[prefix][last node] -> integer whose bit S says that exactly the nodes S can cover that prefix within `limit`."""
    nodes, layers = problem.nodes, problem.layers
    earliest = problem.earliest(limit).tolist()
    usable = (problem.links <= limit) & np.isfinite(problem.links) & ~np.eye(nodes, dtype=bool)
    before = [np.flatnonzero(usable[:, node]).tolist() for node in range(nodes)]
    enters = (problem.enter <= limit) & np.isfinite(problem.enter)
    without = [_sets_without(node, nodes) for node in range(nodes)]
    windows: list[_Window[int]] = [_Window(int.__or__) for _ in range(nodes)]
    heads = [0] * nodes
    reached = [[0] * nodes for _ in range(layers + 1)]
    for prefix in range(1, layers + 1):
        previous, row = reached[prefix - 1], reached[prefix]
        for node in range(nodes):
            sets = int(prefix == 1 and enters[node])  # bit 0: the empty set covers the empty prefix
            for other in before[node]:
                sets |= previous[other]
            window = windows[node]
            window.push(sets & without[node])
            while heads[node] < earliest[node][prefix]:
                window.pop()
                heads[node] += 1
            row[node] = (window.total() or 0) << (1 << node)
    leaves = (problem.leave <= limit) & np.isfinite(problem.leave)
    reached[layers] = [sets if leaves[node] else 0 for node, sets in enumerate(reached[layers])]
    return reached


def _sets_without(node: int, nodes: int) -> int:
    """Integer whose bit S is set for every set S of nodes that lacks `node`."""
    pattern, width = (1 << (1 << node)) - 1, 1 << (node + 1)
    while width < 1 << nodes:
        pattern |= pattern << width
        width *= 2
    return pattern


def _shortest(problem: Problem, limit: float) -> Stages | None:
    """Placement of least latency whose stages and links all stay within `limit`."""
    nodes, layers = problem.nodes, problem.layers
    earliest = problem.earliest(limit)
    links = np.where(problem.links <= limit, problem.links, np.inf)
    np.fill_diagonal(links, np.inf)
    enter = np.where(problem.enter <= limit, problem.enter, np.inf)
    elapsed = problem.elapsed
    best = np.full((layers + 1, nodes, 1 << nodes), np.inf)
    windows: list[_Window[Floats]] = [_Window(np.minimum) for _ in range(nodes)]
    heads = [0] * nodes
    for prefix in range(1, layers + 1):
        for node in range(nodes):
            # Sets as (high bits, this node's bit, low bits): a stage on `node` goes from bit 0 to bit 1.
            shape = (nodes, -1, 2, 1 << node)
            if prefix == 1:
                arrived = np.full((1 << (nodes - 1 - node), 1 << node), np.inf)
                arrived[0, 0] = enter[node]
            else:
                lacking = best[prefix - 1].reshape(shape)[:, :, 0, :]
                arrived = (lacking + links[:, node, None, None]).min(axis=0)
            arrived -= elapsed[node, prefix - 1]
            window = windows[node]
            window.push(arrived)
            while heads[node] < earliest[node, prefix]:
                window.pop()
                heads[node] += 1
            total = window.total()
            if total is not None:
                best[prefix].reshape(shape)[node, :, 1, :] = total + elapsed[node, prefix]
    return _trace(problem, best, earliest, links, np.where(problem.leave <= limit, problem.leave, np.inf))


def _trace(problem: Problem, best: Floats, earliest: Ints, links: Floats, leave: Floats) -> Stages | None:
    """Walk back from the best end state, choosing again at each stage the start that gave its value."""
    ends = best[-1] + leave[:, None]
    lowest = ends.min()
    if np.isinf(lowest):
        return None
    ties = np.argwhere(ends == lowest).tolist()
    node, members = min(ties, key=lambda tie: (tie[1].bit_count(), tie[1], -tie[0]))
    prefix, stages = problem.layers, list[Span]()
    while True:
        members ^= 1 << node
        start = int(earliest[node, prefix])
        if not members:
            stages.append(Span(node, 0, prefix - 1))
            return tuple(reversed(stages))
        costs = best[start:prefix, ::-1, members] + links[::-1, node] - problem.elapsed[node, start:prefix, None]
        offset, after = divmod(int(costs.argmin()), problem.nodes)
        previous = problem.nodes - 1 - after
        stages.append(Span(node, start + offset, prefix - 1))
        prefix, node = start + offset, previous
