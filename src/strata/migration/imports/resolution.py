"""What an import statement names, under one of the names that its file can run as."""

import sys
from dataclasses import dataclass
from enum import StrEnum

from strata.migration.imports.facts import Statement
from strata.migration.imports.names import RunName
from strata.migration.project import Kind, Module, Modules


class Origin(StrEnum):
    """Where an imported module comes from."""

    PROJECT = "project"
    STDLIB = "stdlib"
    EXTERNAL = "external"
    MISSING = "missing"  # below a name of the project, and no file has it
    NO_PACKAGE = "no-package"  # relative, in a file without a parent package
    BEYOND = "beyond-top-level"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What one alias of a statement imports.

    module: the absolute name that the import system is asked for; "" where there is none.
    target: the module, or the submodule where the alias names one; None outside the project.
    attribute: the name that is taken from the target; None where that is a module.
    """

    module: str
    origin: Origin
    target: Module | None = None
    attribute: str | None = None


def absolute_name(statement: Statement, package: str | None) -> str | Origin:
    """The absolute name that a `from` import asks for (as `importlib.util.resolve_name`), or why there is none."""
    if not statement.level:
        return statement.module
    if package is None:
        return Origin.NO_PACKAGE
    parts = package.split(".")
    if statement.level > len(parts):
        return Origin.BEYOND
    base = ".".join(parts[: len(parts) - statement.level + 1])
    return f"{base}.{statement.module}" if statement.module else base


def resolve(statement: Statement, name: RunName, modules: Modules) -> tuple[Resolved, ...]:
    """What each alias of the statement imports, in their order."""
    if statement.level is None:
        return tuple(_module(dotted, name, modules) for dotted, _ in statement.names)
    absolute = absolute_name(statement, name.package)
    if isinstance(absolute, Origin):
        return tuple(Resolved("", absolute) for _ in statement.names)
    base = _module(absolute, name, modules, relative=bool(statement.level))
    if base.origin is not Origin.PROJECT:
        return tuple(Resolved(absolute, base.origin, None, alias) for alias, _ in statement.names)
    return tuple(_member(base, alias, name, modules, bool(statement.level)) for alias, _ in statement.names)


def _module(dotted: str, name: RunName, modules: Modules, *, relative: bool = False) -> Resolved:
    top = dotted.partition(".")[0]
    above = modules.find(top, name.roots)
    # A folder without `__init__.py` gives way to a package of its name that is installed.
    regular = above is not None and above.kind is not Kind.NAMESPACE
    own = relative or (regular and name.package is not None and name.package.partition(".")[0] == top)
    if top in sys.stdlib_module_names and not own:
        return Resolved(dotted, Origin.STDLIB)
    target = modules.find(dotted, name.roots)
    if target is not None:
        return Resolved(dotted, Origin.PROJECT, target)
    return Resolved(dotted, Origin.MISSING if own or regular else Origin.EXTERNAL)


def _member(base: Resolved, alias: str, name: RunName, modules: Modules, relative: bool) -> Resolved:
    assert base.target is not None
    namespace = base.target.kind is Kind.NAMESPACE
    if alias != "*" and (namespace or base.target.kind is Kind.PACKAGE):
        submodule = modules.find(f"{base.module}.{alias}", name.roots)
        if submodule is not None and (namespace or submodule.kind is not Kind.NAMESPACE):
            return Resolved(base.module, Origin.PROJECT, submodule)
        if namespace:  # which has nothing else, so another package of that name is meant
            return Resolved(base.module, Origin.MISSING if relative else Origin.EXTERNAL, None, alias)
    return Resolved(base.module, Origin.PROJECT, base.target, alias)
