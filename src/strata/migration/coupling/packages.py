"""The tree of packages: how far two of them lie apart, and which of them import each other in a circle."""

from collections.abc import Iterable, Mapping

Pair = tuple[str, str]


def distance(one: str, other: str) -> int:
    """Steps in the package tree, up to where both meet and down again; "" is the top, above every package.

    0 for the same package, 1 for a package and the one around it, 2 for siblings.
    """
    first, second = one.split(".") if one else [], other.split(".") if other else []
    shared = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        shared += 1
    return len(first) + len(second) - 2 * shared


def circles(pairs: Iterable[Pair]) -> tuple[tuple[str, ...], ...]:
    """The strongly connected components with more than one member (Tarjan 1972), each sorted, largest first."""
    following: dict[str, list[str]] = {}
    for start, end in pairs:
        following.setdefault(start, []).append(end)
        following.setdefault(end, [])
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    open_ones: list[str] = []
    found = []
    for root in following:
        if root not in order:
            found += _components(root, following, order, lowest, open_ones)
    return tuple(sorted(found, key=lambda each: (-len(each), each)))


def _components(
    root: str, following: Mapping[str, list[str]], order: dict[str, int], lowest: dict[str, int], open_ones: list[str]
) -> list[tuple[str, ...]]:
    found = []
    is_open = set[str]()

    def enter(node: str) -> None:
        order[node] = lowest[node] = len(order)
        open_ones.append(node)
        is_open.add(node)

    enter(root)
    stack = [(root, iter(following[root]))]
    while stack:
        node, rest = stack[-1]
        below = next(rest, None)
        if below is None:
            stack.pop()
            if stack:
                above = stack[-1][0]
                lowest[above] = min(lowest[above], lowest[node])
            if lowest[node] == order[node]:
                members = list[str]()
                while not members or members[-1] != node:
                    members.append(open_ones.pop())
                is_open.difference_update(members)
                if len(members) > 1:
                    found.append(tuple(sorted(members)))
        elif below not in order:
            enter(below)
            stack.append((below, iter(following[below])))
        elif below in is_open:
            lowest[node] = min(lowest[node], order[below])
    return found
