"""Edges of the import graph: one for each pair of modules and statement, all inside the project.

They equal those of grimp where grimp sees the files (a differential test holds them to that), but for three kinds: a
module that imports itself, a compiled module, which is no end here and its package there, and files whose name no
statement can write. They have places and guards, and are there as soon as the facts are; so grimp is a reference, and
nothing that runs.
"""

from dataclasses import dataclass

from strata.migration.imports import Analysis, Guard, How, Origin, resolve
from strata.migration.project import Kind

# As whole numbers, since a flag's own `&` takes far longer.
_TYPE_CHECKING, _DEFERRED = int(Guard.TYPE_CHECKING), int(Guard.FUNCTION | Guard.MAIN)


@dataclass(frozen=True, slots=True)
class ImportEdge:
    """`importer` imports `imported`; both are dotted names of files of the project.

    names: what is taken from the imported module, "*" for all; none where the module itself is bound.
    type_only: under `if TYPE_CHECKING`. deferred: inside a function, or under `if __name__ == "__main__"`, so not when
    the module is imported.
    """

    importer: str
    imported: str
    line: int
    names: tuple[str, ...]
    type_only: bool
    deferred: bool


def import_edges(analysis: Analysis) -> tuple[ImportEdge, ...]:
    """Every edge, in the order of files and statements; a module that imports itself has none.

    `from p import x` is an edge to `p.x` where that is a module, else to `p`, as grimp counts. Each file is seen under
    the first name that it can be imported by, also where an import names it by another; a namespace and a compiled
    module have no file to be an edge's end.
    """
    found = []
    known = analysis.modules.by_path()
    for path, facts in analysis.files.items():
        name = next((each for each in analysis.names[path] if each.how is How.IMPORT), None)
        if name is None:
            continue
        for statement in facts.statements:
            ends: dict[str, list[str]] = {}
            for each in resolve(statement, name, analysis.modules):
                if each.origin is Origin.PROJECT and each.target and each.target.kind in {Kind.MODULE, Kind.PACKAGE}:
                    taken = ends.setdefault(known.get(each.target.path, each.target.name), [])
                    taken += [each.attribute] if each.attribute else []
            guard = int(statement.guard)
            type_only, deferred = bool(guard & _TYPE_CHECKING), bool(guard & _DEFERRED)
            found += [
                ImportEdge(known[path], end, statement.line, tuple(taken), type_only, deferred)
                for end, taken in ends.items()
                if end != known[path]
            ]
    return tuple(found)


def package_of(module: str, *, is_package: bool) -> str:
    """The package that a module is counted to: itself if it is one, else the one around it; "" at the top."""
    return module if is_package else module.rpartition(".")[0]
