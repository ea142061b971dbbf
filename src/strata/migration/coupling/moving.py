"""The same numbers while modules move, at the cost of the moved module's edges: for optimisers."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from strata.migration.coupling.cross import CrossPackage
from strata.migration.coupling.packages import Pair, circles, distance


@dataclass(frozen=True, slots=True)
class Delta:
    """What a move would add to the fields of that name; negative is better."""

    weighted: float
    pairs: int
    package_pairs: int


class Moving:
    """Cross-package coupling that follows moves; `total()` equals `measure` on the same packages, exactly.

    weights: of each distinct pair (`pair_weights`); multiples of 2^-20 (`weight`), else the sums drift.
    packages: of every module that is an end of a pair. Shims are left out by whoever calls.
    """

    def __init__(self, weights: Mapping[Pair, float], packages: Mapping[str, str]) -> None:
        self._packages = dict(packages)
        self._around: dict[str, list[tuple[str, float, bool]]] = defaultdict(list)
        self._joined = Counter[Pair]()
        self._weighted, self._pairs = 0.0, 0
        self._rings: tuple[tuple[str, ...], ...] | None = None
        for (importer, imported), heavy in weights.items():
            if importer == imported:
                continue
            self._around[importer].append((imported, heavy, True))
            self._around[imported].append((importer, heavy, False))
            ends = packages[importer], packages[imported]
            if ends[0] != ends[1]:
                self._weighted += heavy * distance(*ends)
                self._pairs += 1
                self._joined[ends] += 1

    @property
    def packages(self) -> Mapping[str, str]:
        """The package of each module now."""
        return self._packages

    def delta(self, module: str, package: str) -> Delta:
        """What moving the module there would change."""
        return self._compare(module, package)[0]

    def move(self, module: str, package: str) -> Delta:
        """Move it, and say what changed; moving it back undoes it."""
        delta, joined = self._compare(module, package)
        self._weighted += delta.weighted
        self._pairs += delta.pairs
        for ends, change in joined.items():
            self._joined[ends] += change
            if not self._joined[ends]:
                del self._joined[ends]
        if joined:
            self._rings = None
        self._packages[module] = package
        return delta

    def total(self) -> CrossPackage:
        """All numbers as they are now; cycles are looked for again where package pairs changed."""
        if self._rings is None:
            self._rings = circles(sorted(self._joined))
        members = sum(map(len, self._rings))
        return CrossPackage(self._weighted, self._pairs, len(self._joined), len(self._rings), members)

    def _compare(self, module: str, package: str) -> tuple[Delta, Counter[Pair]]:
        old = self._packages[module]
        weighted, pairs, joined = 0.0, 0, Counter[Pair]()
        if old != package:
            for other, heavy, outward in self._around.get(module, ()):
                beside = self._packages[other]
                weighted += heavy * (distance(package, beside) - distance(old, beside))
                for mine, change in ((old, -1), (package, 1)):
                    if mine != beside:
                        pairs += change
                        joined[(mine, beside) if outward else (beside, mine)] += change
        appeared = sum(change > 0 and not self._joined.get(ends) for ends, change in joined.items())
        gone = sum(change < 0 and self._joined[ends] + change == 0 for ends, change in joined.items())
        return Delta(weighted, pairs, appeared - gone), joined
