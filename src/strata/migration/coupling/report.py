"""The coupling of a whole project."""

from collections.abc import Mapping
from dataclasses import dataclass

from strata.migration.connascence import Code, Kind, Report, is_abstract, strengths
from strata.migration.coupling.cross import CrossPackage, measure, pair_weights, weight
from strata.migration.coupling.metrics import Classes, Martin, module_metrics, package_metrics
from strata.migration.coupling.packages import Pair, circles, distance
from strata.migration.coupling.shims import see_through
from strata.migration.graph import ImportEdge, import_edges, package_of


@dataclass(frozen=True, slots=True)
class PackagePair:
    """What one package knows of another: the part of `CrossPackage.weighted` that is theirs, and pairs of modules."""

    importer: str
    imported: str
    weighted: float
    pairs: int


@dataclass(frozen=True)
class Coupling:
    """A project's coupling.

    cross: with pairs weighed by the strongest connascence that was found between them. type_only: pairs across packages
    that only annotations need. cycles: packages that import each other in a circle. heaviest: pairs of packages.
    edges, package_of_module, weights: what `cross` was measured from, shims looked through.
    """

    cross: CrossPackage
    type_only: int
    modules: tuple[Martin, ...]
    packages: tuple[Martin, ...]
    heaviest: tuple[PackagePair, ...]
    cycles: tuple[tuple[str, ...], ...]
    shims: tuple[str, ...]
    edges: tuple[ImportEdge, ...]
    package_of_module: Mapping[str, str]
    weights: Mapping[Pair, float]


def coupling(code: Code, report: Report) -> Coupling:
    """Measure the modules in which places are looked for (`Code.counted`), with what the connascence report says."""
    modules = {path: name for path, name in code.modules.items() if path in code.counted}
    packages = {name: package_of(name, is_package=path.endswith("__init__.py")) for path, name in modules.items()}
    edges = tuple(e for e in import_edges(code.analysis) if e.importer in packages and e.imported in packages)
    shims = frozenset(name for path, name in modules.items() if _is_shim(code, path))
    seen = see_through(edges, shims)
    weights = pair_weights(seen)
    for pair, (strength, degree) in strengths(code, report.findings).items():
        if pair in weights and strength > Kind.NAME.strength:
            weights[pair] = max(weights[pair], weight(strength, degree))
    classes = {name: _classes(code, path) for path, name in modules.items()}
    heaviest = _heaviest(weights, packages, shims)
    return Coupling(
        cross=measure(seen, packages, weights, shims=shims),
        type_only=_type_only(seen, packages),
        modules=module_metrics(edges, packages, classes),
        packages=package_metrics(edges, packages, classes),
        heaviest=heaviest,
        cycles=circles((each.importer, each.imported) for each in heaviest),
        shims=tuple(sorted(shims)),
        edges=seen,
        package_of_module=packages,
        weights=weights,
    )


def _is_shim(code: Code, path: str) -> bool:
    """Whether a module only passes on what modules of the project hold."""
    facts = code.facts[path]
    return facts.is_shim and all(
        code.symbol(path, index, "") is not None
        for index, binding in enumerate(facts.bindings)
        if binding.level is not None and binding.name != "*" and binding.module not in {"__future__", "warnings"}
    )


def _classes(code: Code, path: str) -> Classes:
    found = code.facts[path].classes
    return Classes(len(found), sum(is_abstract(code, path, each) for each in found))


def _type_only(edges: tuple[ImportEdge, ...], packages: Mapping[str, str]) -> int:
    across = [each for each in edges if packages[each.importer] != packages[each.imported]]
    pairs = {(each.importer, each.imported) for each in across}
    return len(pairs - {(each.importer, each.imported) for each in across if not each.type_only})


def _heaviest(
    weights: Mapping[Pair, float], packages: Mapping[str, str], shims: frozenset[str]
) -> tuple[PackagePair, ...]:
    sums: dict[Pair, tuple[float, int]] = {}
    for (importer, imported), heavy in weights.items():
        ends = packages[importer], packages[imported]
        if ends[0] != ends[1] and importer not in shims:
            weighted, pairs = sums.get(ends, (0.0, 0))
            sums[ends] = weighted + heavy * distance(*ends), pairs + 1
    found = [PackagePair(*ends, *both) for ends, both in sums.items()]
    return tuple(sorted(found, key=lambda each: (-each.weighted, each.importer, each.imported)))
