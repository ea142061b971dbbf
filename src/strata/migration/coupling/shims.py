"""Compatibility shims: modules that keep an old name importable. They hide edges and are no gain."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from strata.migration.graph import ImportEdge

_MOST = 16  # shims in a row that are looked through; a circle of them ends there


def see_through(edges: Iterable[ImportEdge], shims: Collection[str]) -> tuple[ImportEdge, ...]:
    """Turn each import of a shim into one of what it passes on; those of the shims themselves are kept.

    A name is followed to the module that the shim takes it from; a shim that is imported as a module, or for a name
    that it does not say it takes, stands for everything that it imports.
    """
    hidden = frozenset(shims)
    edges = tuple(edges)
    passed: dict[str, list[ImportEdge]] = {}
    for edge in edges:
        if edge.importer in hidden:
            passed.setdefault(edge.importer, []).append(edge)
    found = list[ImportEdge]()
    for edge in edges:
        found += [edge] if edge.importer in hidden else _followed(edge, passed)
    return tuple(found)


def _followed(edge: ImportEdge, passed: dict[str, list[ImportEdge]]) -> list[ImportEdge]:
    open_ones, found = [edge], list[ImportEdge]()
    for _ in range(_MOST):
        following = list[ImportEdge]()
        for each in open_ones:
            if each.imported in passed:
                following += _targets(each, passed[each.imported])
            else:
                found.append(each)
        open_ones = following
    return [each for each in found if each.imported != edge.importer]


def _targets(edge: ImportEdge, passed: list[ImportEdge]) -> list[ImportEdge]:
    ends: dict[str, set[str]] = {}
    for name in edge.names or ("*",):
        takers = [each for each in passed if name in each.names]
        for each in takers or passed:
            ends.setdefault(each.imported, set()).add(name)
    return [
        replace(edge, imported=end, names=tuple(sorted(names)) if edge.names else ()) for end, names in ends.items()
    ]
