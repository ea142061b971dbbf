"""Strongly connected components of a directed graph."""

from collections.abc import Iterable, Iterator, Mapping


def components(out: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """All of them, also those of one node, each sorted; one comes after all that can be reached from it.

    Tarjan, "Depth-first search and linear graph algorithms", 1972; without recursion.

    out: the ends of each node's edges; a node without edges may be missing.
    """
    found: list[list[str]] = []
    number: dict[str, int] = {}  # of every node that was entered, in that order
    low: dict[str, int] = {}  # the lowest number on the path that the node is known to reach; of nodes on the path
    path: list[str] = []
    for root in out:
        if root in number:
            continue
        work: list[tuple[str, Iterator[str]]] = []
        entered: str | None = root
        while work or entered is not None:
            if entered is not None:
                number[entered] = low[entered] = len(number)
                path.append(entered)
                work.append((entered, iter(out.get(entered, ()))))
                entered = None
            node, ends = work[-1]
            for end in ends:
                if end not in number:
                    entered = end
                    break
                low[node] = min(low[node], low.get(end, low[node]))
            if entered is not None:
                continue
            work.pop()
            reached = low[node]
            if work:
                above = work[-1][0]
                low[above] = min(low[above], reached)
            if reached == number[node]:
                part: list[str] = []
                while not part or part[-1] != node:
                    part.append(path.pop())
                    del low[part[-1]]
                found.append(sorted(part))
    return found
