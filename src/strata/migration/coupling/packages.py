"""The tree of packages: how far two of them lie apart, and which of them import each other in a circle."""

from collections.abc import Iterable

from strata.migration.graph import components

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
    """The strongly connected components with more than one member, each sorted, the largest first."""
    following: dict[str, list[str]] = {}
    for start, end in pairs:
        following.setdefault(start, []).append(end)
    found = (tuple(each) for each in components(following) if len(each) > 1)
    return tuple(sorted(found, key=lambda each: (-len(each), each)))
