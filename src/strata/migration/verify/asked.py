"""What a file asks the import system for, in order: what must be the same before and after a change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from strata.migration.imports import Guard, How, Origin, RunName, Statement, absolute_name


@dataclass(frozen=True, slots=True)
class Asked:
    """One alias of an import statement.

    module: the absolute name that is asked for; for a relative import without one, why there is none.
    attribute: what is taken from it; None for an `import`. bound: the name that the file gets, "*" for all.
    """

    module: str
    attribute: str | None
    bound: str
    scope: str
    guard: Guard


def asked(statements: Sequence[Statement], name: RunName, renamed: Mapping[str, str]) -> Iterator[tuple[int, Asked]]:
    """Line and request for each alias; old absolute names of modules are replaced by those in `renamed`."""
    for statement in statements:
        around = (statement.scope, statement.guard)
        if statement.level is None:
            for dotted, alias in statement.names:
                module = renamed.get(dotted, dotted) if alias else dotted  # without, the file uses the old dotted name
                yield statement.line, Asked(module, None, alias or dotted.partition(".")[0], *around)
            continue
        base = absolute_name(statement, name.package)
        for attribute, alias in statement.names:
            module, taken = (base, attribute) if isinstance(base, Origin) else _new(base, attribute, renamed)
            yield statement.line, Asked(module, taken, alias or attribute, *around)


def moved(name: RunName, names: Sequence[RunName], renamed: Mapping[str, str]) -> RunName:
    """The name that the file runs as when modules are renamed; `names` are all of the file's."""
    if name.how is How.MODULE:
        own = next((each for each in names if each.how is How.IMPORT and each.package == name.package), None)
        return replace(name, package=moved(own, names, renamed).package) if own else name
    if name.name not in renamed:
        return name
    new = renamed[name.name]
    package = new if name.package == name.name else new.rpartition(".")[0] or None
    return replace(name, name=new, package=package)


def _new(base: str, attribute: str, renamed: Mapping[str, str]) -> tuple[str, str]:
    if (submodule := renamed.get(f"{base}.{attribute}")) is not None and "." in submodule:
        module, _, taken = submodule.rpartition(".")
        return module, taken
    return renamed.get(base, base), attribute
