"""Feedback arc sets, quickly: cheap edges of a directed graph without which it has no cycle.

A set comes from an order of the nodes (Eades, Lin and Smyth, "A fast and effective heuristic for the feedback arc set
problem", 1993), made better by moving single nodes; the edges that point backwards are the set.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise

Arc = tuple[str, str]


def quick_arcs(costs: Mapping[Arc, int]) -> set[Arc]:
    """A cheap set in little time."""
    place = {node: index for index, node in enumerate(arc_order(costs))}
    return _needed(costs, {arc for arc in costs if place[arc[0]] > place[arc[1]]})


def cost_of(costs: Mapping[Arc, int], arcs: Iterable[Arc]) -> int:
    """The sum of the edges' costs."""
    return sum(costs[arc] for arc in arcs)


def arc_order(costs: Mapping[Arc, int]) -> list[str]:
    """The nodes of the edges in an order of which few and cheap edges point backwards."""
    out, into = _neighbours(costs), _neighbours({(b, a): cost for (a, b), cost in costs.items()})
    nodes = sorted({node for arc in costs for node in arc})
    return _sifted(_greedy(nodes, out, into), out, into)


def _neighbours(costs: Mapping[Arc, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (a, b), cost in costs.items():
        found.setdefault(a, {})[b] = cost
    return found


def _greedy(
    nodes: Iterable[str], out: Mapping[str, Mapping[str, int]], into: Mapping[str, Mapping[str, int]]
) -> list[str]:
    """Sinks go last, sources first, and of the rest the node whose outgoing edges outweigh its incoming ones most."""
    left = dict.fromkeys(nodes)
    leaving = {node: sum(out.get(node, {}).values()) for node in left}
    entering = {node: sum(into.get(node, {}).values()) for node in left}
    first: list[str] = []
    last: list[str] = []

    def take(node: str, place: list[str]) -> None:
        place.append(node)
        del left[node]
        for other, cost in out.get(node, {}).items():
            entering[other] -= cost
        for other, cost in into.get(node, {}).items():
            leaving[other] -= cost

    while left:
        if sinks := [node for node in left if not leaving[node]]:
            for node in sinks:
                take(node, last)
        elif sources := [node for node in left if not entering[node]]:
            for node in sources:
                take(node, first)
        else:
            take(max(left, key=lambda node: leaving[node] - entering[node]), first)
    return first + last[::-1]


def _sifted(
    order: list[str], out: Mapping[str, Mapping[str, int]], into: Mapping[str, Mapping[str, int]], rounds: int = 8
) -> list[str]:
    """Each node put where its own backward edges cost least, until that changes nothing."""
    for _ in range(rounds):
        changed = False
        for node in list(order):
            was = order.index(node)
            order.pop(was)
            place = {each: index for index, each in enumerate(order)}
            # First of all, every edge into the node points backwards; each node it passes changes the sum by its edges.
            steps = dict.fromkeys([was - 1, *(place[each] for each in (*into.get(node, {}), *out.get(node, {})))], 0)
            for each, cost in into.get(node, {}).items():
                steps[place[each]] -= cost
            for each, cost in out.get(node, {}).items():
                steps[place[each]] += cost
            sums, total = {}, 0
            for index in sorted(steps):
                total += steps[index]
                sums[index + 1] = total
            sums.setdefault(0, 0)
            best = min(sums, key=lambda index: (sums[index], index != was, index))
            order.insert(best, node)
            changed = changed or sums[best] < sums[was]
        if not changed:
            break
    return order


def _needed(costs: Mapping[Arc, int], chosen: set[Arc]) -> set[Arc]:
    """The set without edges that close no cycle when they are put back, the dearest first."""
    kept = _neighbours({arc: cost for arc, cost in costs.items() if arc not in chosen})
    needed = set()
    for arc in sorted(chosen, key=lambda arc: (-costs[arc], arc)):
        if _path(kept, arc[1], arc[0]) is None:
            kept.setdefault(arc[0], {})[arc[1]] = costs[arc]
        else:
            needed.add(arc)
    return needed


def _path(out: Mapping[str, Mapping[str, int]], start: str, end: str) -> list[str] | None:
    """The nodes of a shortest path from `start` to `end`, both included."""
    before = {start: start}
    queue = deque([start])
    while queue and end not in before:
        node = queue.popleft()
        for each in out.get(node, ()):
            if each not in before:
                before[each] = node
                queue.append(each)
    if end not in before:
        return None
    found = [end]
    while found[-1] != start:
        found.append(before[found[-1]])
    return found[::-1]


def disjoint_bound(costs: Mapping[Arc, int]) -> int:
    """A lower bound: cycles one after another, each paid with the cheapest of what is left of its edges."""
    left, bound = dict(costs), 0
    out = _neighbours(left)
    for a, b in costs:
        while (a, b) in left and (path := _path(out, b, a)) is not None:
            cycle = [(a, b), *pairwise(path)]
            cheapest = min(left[arc] for arc in cycle)
            bound += cheapest
            for arc in cycle:
                left[arc] -= cheapest
                if not left[arc]:
                    del left[arc], out[arc[0]][arc[1]]
    return bound
