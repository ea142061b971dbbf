"""Imports that fail already, before anybody changes anything."""

from dataclasses import dataclass

from strata.migration.imports.analysis import Analysis
from strata.migration.imports.facts import Guard, Statement
from strata.migration.imports.names import How, RunName
from strata.migration.imports.resolve import Origin, Resolved, resolve

_TRIED = int(Guard.TRY | Guard.HANDLER)
_NOWHERE = {Origin.MISSING, Origin.NO_PACKAGE, Origin.BEYOND}


@dataclass(frozen=True, slots=True)
class BrokenImport:
    """A statement that names what is nowhere in the project, whatever its file runs as.

    origin: why. module: what the import system is asked for; "" where a relative import has nothing to count from.
    """

    path: str
    statement: Statement
    origin: Origin
    module: str


def broken_imports(analysis: Analysis) -> tuple[BrokenImport, ...]:
    """All of them, in the order of files and lines. What is tried, with a handler for its failure, is not broken."""
    found = []
    for path, facts in analysis.files.items():
        names = analysis.names[path] or (RunName("__main__", None, analysis.modules.roots, How.SCRIPT),)
        for statement in facts.statements:
            if int(statement.guard) & _TRIED:
                continue
            bad = _nowhere(statement, names[0], analysis)
            if bad is not None and all(_nowhere(statement, name, analysis) for name in names[1:]):
                found.append(BrokenImport(path, statement, bad.origin, bad.module))
    return tuple(found)


def _nowhere(statement: Statement, name: RunName, analysis: Analysis) -> Resolved | None:
    return next((each for each in resolve(statement, name, analysis.modules) if each.origin in _NOWHERE), None)
