"""Separators: peers whose loss leaves a mesh in parts, found by looking for paths that share none.

Vertices are numbers, a graph is a list of the neighbours of each. Of a separator smaller than `need`, either a chosen
root is no part of it, and then it lies between the root and somebody; or the root is part of it, and the rest separates
the graph without the root (Even, "An algorithm for determining whether the connectivity of a graph is at least k",
1975). Whoever comes first in an order, and is cut off from the root, is cut off from all before him: so paths are
looked for to any of these, which are near (a fan), not to the root.
"""

import heapq
from collections import deque
from collections.abc import Iterator, Sequence

Graph = Sequence[Sequence[int]]
Separator = tuple[set[int], set[int]]  # a side, and the vertices between it and the others, which are not none
_BEFORE, _GONE = 1, 2


def separators(graph: Graph, need: int) -> Iterator[Separator]:
    """Some separators of fewer than `need` vertices; none only where there is none."""
    lost: set[int] = set()
    for wanted in range(min(need, len(graph) - 1), 0, -1):
        marks = bytearray(len(graph))
        for vertex in lost:
            marks[vertex] = _GONE
        root = max((vertex for vertex in range(len(graph)) if not marks[vertex]), key=lambda each: len(graph[each]))
        order = _order(graph, root, lost)
        left = set(range(len(graph))) - lost - set(order)
        while left:
            component = set(_order(graph, min(left), lost))
            left -= component
            yield component, set(lost)
        near = set(graph[root])
        for vertex in order[1:]:
            cut = None if vertex in near else _cut_off(graph, vertex, root, marks, wanted)
            if cut is not None:
                yield cut[0], cut[1] | lost
            marks[vertex] = _BEFORE
        lost.add(root)


def joined(graph: Graph, one: int, other: int, wanted: int) -> bool:
    """Whether as many paths lead from one vertex to the other that share none in between, beside a link of the two."""
    besides = list(graph)
    besides[one] = [each for each in graph[one] if each != other]
    return _cut_off(besides, one, other, bytearray(len(graph)), wanted) is None


def _order(graph: Graph, root: int, lost: set[int]) -> list[int]:
    """Those that the root reaches, each time the one with most neighbours among those before."""
    order: list[int] = []
    placed = bytearray(len(graph))
    for vertex in lost:
        placed[vertex] = True
    count = [0] * len(graph)
    heap = [(0, root)]
    while heap:
        vertex = heapq.heappop(heap)[1]
        if placed[vertex]:
            continue
        placed[vertex] = True
        order.append(vertex)
        for other in graph[vertex]:
            if not placed[other]:
                count[other] += 1
                heapq.heappush(heap, (-count[other], other))
    return order


def _cut_off(graph: Graph, source: int, root: int, marks: bytearray, wanted: int) -> Separator | None:
    """The side of the source, and the fewer than `wanted` vertices between it and those before; None if more are.

    Paths share nothing but the source, and the root, which is no neighbour of the source.
    """
    # Where each vertex of a path comes from. At first, paths of one link.
    previous = {end: source for end in graph[source] if marks[end] == _BEFORE}
    for _ in range(wanted - len(previous)):
        # A vertex is entered (written ~vertex) before it is left; between the two passes one path at most. A path can
        # be taken back: who enters where one passes may go on from where that one came.
        came: dict[int, int] = {source: source}
        queue = deque([source])
        last: int | None = None
        while queue and last is None:
            vertex = queue.popleft()
            for other in (vertex, *graph[vertex]) if vertex in previous else graph[vertex]:
                if other == source or marks[other] == _GONE or ~other in came:
                    continue
                came[~other] = vertex
                back = previous.get(other)
                if other == root or (back is None and marks[other] == _BEFORE):
                    last = ~other
                    break
                onward = other if back is None else back
                if onward not in came:
                    came[onward] = ~other
                    queue.append(onward)
        if last is None:
            side = {state for state in came if state >= 0}
            return side, {~state for state in came if state < 0} - side
        entered = last
        while True:
            vertex = came[entered]
            if vertex == ~entered:
                del previous[vertex]  # the path through it was taken back
            elif ~entered != root:
                previous[~entered] = vertex
            if vertex == source:
                break
            entered = came[vertex]
    return None
