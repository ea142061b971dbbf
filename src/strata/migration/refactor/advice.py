"""What would lower the coupling further and is left to a person: imports that close a cycle, copied code."""

from collections.abc import Iterator

from strata.migration.connascence import copies, read_code
from strata.migration.graph import CycleKind, import_cycles, import_edges
from strata.migration.imports import Analysis
from strata.migration.refactor.plan import Advice

MOST = 200  # of each kind


def find_advice(analysis: Analysis, *, workers: int | None = None) -> tuple[Advice, ...]:
    """Inversions and clones, with their evidence. An import is named by the line of its statement."""
    return (*list(_inversions(analysis))[:MOST], *list(_clones(analysis, workers))[:MOST])


def _inversions(analysis: Analysis) -> Iterator[Advice]:
    """The cheapest imports without which no cycle is left that is run through when modules are loaded."""
    path_of = {name: path for path, name in analysis.modules.by_path().items()}
    for cycle in import_cycles(import_edges(analysis)):
        if cycle.kind is not CycleKind.LOAD:
            continue
        for cut in cycle.breaks:
            names = sorted({name for edge in cut.edges for name in edge.names})
            taken = f"takes {', '.join(names)} from" if names else "binds"
            evidence = (
                f"{cut.importer} {taken} {cut.imported}; {len(cycle.modules)} modules load in a circle, which "
                f"is gone without {'this import' if len(cycle.breaks) == 1 else f'{len(cycle.breaks)} such imports'}"
            )
            yield Advice("cycle", tuple(f"{path_of[cut.importer]}:{edge.line}" for edge in cut.edges), evidence)


def _clones(analysis: Analysis, workers: int | None) -> Iterator[Advice]:
    """Functions of six or more statements that do the same in several modules."""
    for group in copies(read_code(analysis, workers=workers)):
        places = tuple(f"{path}:{function.line}" for path, function in group)
        names = sorted({function.name for _, function in group})
        statements = group[0][1].statements
        yield Advice("clone", places, f"{', '.join(names)}: {len(group)} times the same {statements} statements")
