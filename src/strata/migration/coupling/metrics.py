"""Martin's metrics of modules and packages.

R. C. Martin (1994), "OO Design Quality Metrics: An Analysis of Dependencies". He counts classes; here modules stand in
their place, as they are what Python imports.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from strata.migration.coupling.packages import Pair
from strata.migration.graph import ImportEdge


@dataclass(frozen=True, slots=True)
class Classes:
    """How many classes there are, and how many of them are abstract."""

    all: int = 0
    abstract: int = 0


@dataclass(frozen=True, slots=True)
class Martin:
    """A module or a package.

    modules: how many it has. afferent: modules outside that import one inside. efferent: of a package, its modules that
    import one outside; of a module, the modules that it imports. Only modules of the project count.
    """

    name: str
    modules: int
    afferent: int
    efferent: int
    classes: Classes

    @property
    def instability(self) -> float | None:
        """Ce / (Ca + Ce), from 0 (others rest on it) to 1 (it rests on others); None where neither is so."""
        both = self.afferent + self.efferent
        return self.efferent / both if both else None

    @property
    def abstractness(self) -> float:
        """The share of abstract classes, 0 where there is no class."""
        return self.classes.abstract / self.classes.all if self.classes.all else 0.0

    @property
    def distance(self) -> float | None:
        """|A + I - 1|, the normalised distance from the main sequence, from 0 to 1."""
        return None if self.instability is None else abs(self.abstractness + self.instability - 1)


def module_metrics(
    edges: Iterable[ImportEdge], modules: Iterable[str], classes: Mapping[str, Classes]
) -> tuple[Martin, ...]:
    """One for each module, in the order of their names."""
    pairs = {(edge.importer, edge.imported) for edge in edges}
    importers, imported = _counts(pairs), _counts({(end, start) for start, end in pairs})
    return tuple(
        Martin(name, 1, importers.get(name, 0), imported.get(name, 0), classes.get(name, Classes()))
        for name in sorted(set(modules))
    )


def package_metrics(
    edges: Iterable[ImportEdge], package_of_module: Mapping[str, str], classes: Mapping[str, Classes]
) -> tuple[Martin, ...]:
    """One for each package, in the order of their names."""
    across = {
        (edge.importer, edge.imported)
        for edge in edges
        if package_of_module[edge.importer] != package_of_module[edge.imported]
    }
    inward = _counts({(importer, package_of_module[imported]) for importer, imported in across})
    outward = _counts({(importer, package_of_module[importer]) for importer, _ in across})
    members: dict[str, list[str]] = defaultdict(list)
    for module, package in package_of_module.items():
        members[package].append(module)
    return tuple(
        Martin(package, len(inside), inward.get(package, 0), outward.get(package, 0), _sum(inside, classes))
        for package, inside in sorted(members.items())
    )


def _counts(pairs: set[Pair]) -> dict[str, int]:
    """How many distinct first ends each second end has."""
    found: dict[str, int] = defaultdict(int)
    for _, end in pairs:
        found[end] += 1
    return found


def _sum(modules: Iterable[str], classes: Mapping[str, Classes]) -> Classes:
    found = [classes[module] for module in modules if module in classes]
    return Classes(sum(each.all for each in found), sum(each.abstract for each in found))
