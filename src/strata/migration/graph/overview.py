"""A project at a glance: what it imports and how, what is broken already, and where its imports run in circles."""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.migration.graph.cycles import Break, Cycle, import_cycles
from strata.migration.graph.edges import ImportEdge, import_edges
from strata.migration.imports import Analysis, BrokenImport, Guard, How, Origin, RunName, broken_imports, resolve
from strata.migration.project import Kind, Problem, Root


@dataclass(frozen=True)
class Survey:
    """What an analysis found.

    imports: statements by where from, and whether they are written "relative" or "absolute".
    tried, type_only, deferred: statements with a handler around them, under TYPE_CHECKING, inside a function.
    runs: files that run in each way. strings: of each kind that name modules or files.
    clashes: dotted names that two files have. twice: files that imports call by more than one name, so that they are
    loaded as often. shadowing: files that can be imported by a top-level name of the standard library.
    """

    files: int
    modules: int
    roots: tuple[Root, ...]
    imports: Mapping[tuple[Origin, str], int]
    tried: int
    type_only: int
    deferred: int
    runs: Mapping[How, int]
    by_path: Mapping[str, str]
    strings: Mapping[str, int]
    edges: tuple[ImportEdge, ...]
    cycles: tuple[Cycle, ...]
    broken: tuple[BrokenImport, ...]
    clashes: Mapping[str, list[str]]
    twice: Mapping[str, list[str]]
    shadowing: Mapping[str, str]
    problems: tuple[Problem, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as data for `json`; of the edges only how many there are."""
        return {
            "files": self.files,
            "modules": self.modules,
            "roots": [{"folder": root.folder, "why": root.why, "prefix": root.prefix} for root in self.roots],
            "imports": [{"origin": o, "form": form, "statements": n} for (o, form), n in self.imports.items()],
            "tried": self.tried,
            "type_only": self.type_only,
            "deferred": self.deferred,
            "runs": dict(self.runs),
            "run_by_path": dict(self.by_path),
            "strings": dict(self.strings),
            "edges": len(self.edges),
            "cycles": [_cycle(cycle) for cycle in self.cycles],
            "broken": [
                {"path": b.path, "line": b.statement.line, "import": b.statement.written, "origin": b.origin}
                | {"module": b.module, "type_only": bool(b.statement.guard & Guard.TYPE_CHECKING)}
                for b in self.broken
            ],
            "clashes": dict(self.clashes),
            "twice": dict(self.twice),
            "shadowing": dict(self.shadowing),
            "left_alone": [
                {"path": each.path, "code": each.code, "message": each.message, "line": each.line}
                for each in self.problems
            ],
        }


def survey(analysis: Analysis, kept: Path | None = None) -> Survey:
    """Count and search; a file's imports are counted under the first name that it runs as.

    kept: a file that remembers the cycles' cheapest breaks.
    """
    imports: Counter[tuple[Origin, str]] = Counter()
    guards: Counter[int] = Counter()
    strings: Counter[str] = Counter()
    called: dict[str, set[str]] = defaultdict(set)
    for path, facts in analysis.files.items():
        strings.update(each.via.value for each in facts.strings)
        name = next(iter(analysis.names[path]), RunName("__main__", None, analysis.modules.roots, How.SCRIPT))
        for statement in facts.statements:
            form = "relative" if statement.level else "absolute"
            resolved = resolve(statement, name, analysis.modules)
            imports.update({(each.origin, form) for each in resolved})
            for each in resolved:
                if each.target is not None and each.target.kind is not Kind.NAMESPACE:
                    called[each.target.path].add(each.target.name)
            guards[int(statement.guard)] += 1
    edges = import_edges(analysis)
    return Survey(
        files=len(analysis.files),
        modules=len(analysis.modules.by_path()),
        roots=analysis.modules.roots,
        imports=dict(sorted(imports.items(), key=lambda item: (list(Origin).index(item[0][0]), item[0][1]))),
        tried=_under(guards, Guard.TRY | Guard.HANDLER),
        type_only=_under(guards, Guard.TYPE_CHECKING),
        deferred=_under(guards, Guard.FUNCTION),
        runs=Counter(how for names in analysis.names.values() for how in {name.how for name in names}),
        by_path=analysis.evidence.by_path,
        strings=dict(strings),
        edges=edges,
        cycles=import_cycles(edges, kept=kept),
        broken=broken_imports(analysis),
        clashes=analysis.modules.clashes(),
        twice={path: sorted(names) for path, names in sorted(called.items()) if len(names) > 1},
        shadowing={path: name for path, name in analysis.modules.by_path().items() if name in sys.stdlib_module_names},
        problems=analysis.problems,
    )


def _under(counts: Mapping[int, int], guard: Guard) -> int:
    return sum(count for each, count in counts.items() if each & guard)


def _cycle(cycle: Cycle) -> dict[str, Any]:
    return {
        "kind": cycle.kind,
        "modules": cycle.modules,
        "cost": cycle.cost,
        "bound": cycle.bound,
        "minimal": cycle.minimal,
        "breaks": [_break(each) for each in cycle.breaks],
    }


def _break(taken: Break) -> dict[str, Any]:
    edges = [{"line": edge.line, "names": edge.names} for edge in taken.edges]
    return {"importer": taken.importer, "imported": taken.imported, "cost": taken.cost, "statements": edges}
