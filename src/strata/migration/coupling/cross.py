"""Cross-package coupling: one number for how much packages know of each other, and the counts that keep it honest.

It is the sum, over distinct (importer, imported) pairs of modules in different packages, of connascence strength x
distance x (1 + log degree): strength and degree after Page-Jones (1992), distance in steps of the package tree.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from strata.migration.coupling.packages import Pair, circles, distance
from strata.migration.graph import ImportEdge

# Weights are whole multiples of this, so that sums of them are exact in whatever order they are added.
_GRAIN = 2.0**-20


@dataclass(frozen=True, slots=True)
class CrossPackage:
    """What packages know of each other.

    weighted: the sum described above. pairs: distinct pairs of modules in different packages, unweighted.
    package_pairs: distinct (importing package, imported package). cycles: groups of packages that import each other in
    a circle. packages_in_cycles: how many packages are in one.
    shim_pairs: pairs in different packages whose importer is a compatibility shim; they are in no other number.
    """

    weighted: float
    pairs: int
    package_pairs: int
    cycles: int
    packages_in_cycles: int
    shim_pairs: int = 0


def weight(strength: float, degree: int) -> float:
    """Strength x (1 + ln degree), rounded to a multiple of 2^-20 so that sums are exact."""
    return round(strength * (1 + math.log(max(degree, 1))) / _GRAIN) * _GRAIN


def pair_weights(edges: Iterable[ImportEdge]) -> dict[Pair, float]:
    """The weight of each distinct pair by its imports alone: connascence of name, strength 1.

    The degree is the number of distinct names that the importer takes; the module itself, where it is bound, is one.
    """
    names: dict[Pair, set[str]] = {}
    for edge in edges:
        names.setdefault((edge.importer, edge.imported), set()).update(edge.names or ("",))
    return {pair: weight(1, len(taken)) for pair, taken in names.items()}


def measure(
    edges: Iterable[ImportEdge],
    package_of_module: Mapping[str, str],
    weights: Mapping[Pair, float] | None = None,
    *,
    shims: Collection[str] = (),
) -> CrossPackage:
    """Measure a project, or what it would be with modules in other packages.

    package_of_module: the package of every module that is an end of an edge; KeyError where one is missing.
    weights: strength x (1 + log degree) of pairs (`weight`); pairs without one have that of their names.
    shims: modules that only keep old names importable; what they import is counted apart. Imports of them count as
    imports of what they pass on once `see_through` has been applied.
    """
    found = pair_weights(edges)
    if weights is not None:
        found |= {pair: weights[pair] for pair in found.keys() & weights.keys()}
    hidden = frozenset(shims)
    weighted, pairs, shim_pairs = 0.0, 0, 0
    joined = set[Pair]()
    for (importer, imported), heavy in found.items():
        ends = package_of_module[importer], package_of_module[imported]
        if ends[0] == ends[1]:
            continue
        if importer in hidden:
            shim_pairs += 1
            continue
        pairs += 1
        weighted += heavy * distance(*ends)
        joined.add(ends)
    rings = circles(sorted(joined))
    return CrossPackage(weighted, pairs, len(joined), len(rings), sum(map(len, rings)), shim_pairs)
