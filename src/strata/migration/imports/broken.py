"""Imports that fail already, before anybody changes anything."""

from dataclasses import dataclass

from strata.migration.imports.analysis import Analysis
from strata.migration.imports.facts import Guard, Statement
from strata.migration.imports.names import How, RunName
from strata.migration.imports.resolution import Origin, Resolved, resolve

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
    """All of them, in the order of files and lines.

    What is tried, with a handler for its failure, is not broken; nor what lies below a module that sets `__path__`:
    what is found there cannot be told.
    """
    found = []
    for path, facts in analysis.files.items():
        names = analysis.names[path] or (_nameless(path, analysis),)
        for statement in facts.statements:
            if int(statement.guard) & _TRIED:
                continue
            bad = _nowhere(statement, names[0], analysis)
            if bad is not None and all(_nowhere(statement, name, analysis) for name in names[1:]):
                found.append(BrokenImport(path, statement, bad.origin, bad.module))
    return tuple(found)


def _nameless(path: str, analysis: Analysis) -> RunName:
    """Of a file that no statement can name, as one with a hyphen: `import_module` can, where it lies in a package."""
    init = f"{path.rpartition('/')[0]}/__init__.py"
    above = analysis.modules.names(init) if analysis.modules.has_file(init) else ()
    package = above[0][1] if above else None
    return RunName("__main__", package, analysis.modules.roots, How.SCRIPT if package is None else How.MODULE)


def _nowhere(statement: Statement, name: RunName, analysis: Analysis) -> Resolved | None:
    for each in resolve(statement, name, analysis.modules):
        if each.origin in _NOWHERE and not _sets_path(each.module, name, analysis):
            return each
    return None


def _sets_path(module: str, name: RunName, analysis: Analysis) -> bool:
    while module := module.rpartition(".")[0]:
        found = analysis.modules.find(module, name.roots)
        if found is not None:
            return found.path in analysis.files and "__path__" in analysis.files[found.path].rebinds
    return False
