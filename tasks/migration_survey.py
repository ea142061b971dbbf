"""A project at one moment: forms of its imports, coupling, and the matrix that shows it."""

from collections import Counter
from dataclasses import dataclass

from strata.migration.coupling import see_through
from strata.migration.graph import import_edges, matrix_order
from strata.migration.imports import Analysis, How, Origin, broken_imports, resolve
from strata.migration.refactor import fixed_modules, layout_of
from strata.migration.report import Forms, Left, Matrix


@dataclass(frozen=True)
class Moment:
    """What is compared before and after. measures: named figures of the coupling across packages."""

    files: int
    forms: Forms
    measures: dict[str, float]
    matrix: Matrix
    broken: tuple[Left, ...]


def look(analysis: Analysis, title: str) -> Moment:
    """Count and measure; nothing is run. Tests are left out of the coupling, and shims are looked through."""
    layout = layout_of(analysis)
    coupling = layout.measure()
    shims = [name for name, reason in fixed_modules(analysis).items() if reason == "shim"]
    edges = [
        edge
        for edge in see_through(import_edges(analysis), shims)
        if {edge.importer, edge.imported} <= layout.package.keys()
    ]
    loading = [edge for edge in edges if not edge.deferred and not edge.type_only]
    return Moment(
        files=len(analysis.files),
        forms=_forms(analysis),
        measures={
            "imports across packages (module pairs)": coupling.pairs,
            "the same, weighted by distance and names": coupling.weighted,
            "packages that import another": coupling.package_pairs,
            "circles of packages": coupling.cycles,
            "shims": len(shims),
        },
        matrix=Matrix(
            title,
            tuple(reversed(matrix_order(layout.package, loading))),
            layout.package,
            frozenset((edge.importer, edge.imported) for edge in edges),
        ),
        broken=(
            *(Left(each.path, each.line, each.code, each.message) for each in analysis.problems),
            *(
                Left(each.path, each.statement.line, each.origin.value, each.statement.written)
                for each in broken_imports(analysis)
            ),
        ),
    )


def _forms(analysis: Analysis) -> Forms:
    counts: Counter[str] = Counter()
    for path, facts in analysis.files.items():
        name = next((each for each in analysis.names[path] if each.how is How.IMPORT), None)
        if name is None:
            continue
        for statement in facts.statements:
            if any(each.origin is Origin.PROJECT for each in resolve(statement, name, analysis.modules)):
                counts["plain" if statement.level is None else "relative" if statement.level else "absolute"] += 1
    return Forms(counts["relative"], counts["absolute"], counts["plain"])
