"""No imports of what another package calls private, by a name that begins with one underscore (PEP 8).

A private module is its package's: everything in that package and below it may use it. A private name of a module is
open to the package that the module lies in. Tests may look at anything.
"""

from strata.migration.check.project import Project
from strata.migration.check.violation import Rule, Seen, Violation
from strata.migration.graph import package_of
from strata.migration.imports import How, Origin, Resolved, is_test, resolve
from strata.migration.project import Kind

NAME = "private-import"


def look(project: Project) -> Seen:
    """A site is a name that a module takes from a module of another package of the project."""
    violations, eligible = list[Violation](), 0
    for path, facts in project.files():
        name = next((each for each in project.analysis.names[path] if each.how is How.IMPORT), None)
        if name is None or is_test(path):
            continue
        package = package_of(name.name, is_package=path.endswith("__init__.py"))
        for statement in facts.statements:
            for each in resolve(statement, name, project.analysis.modules):
                target = each.target
                if each.origin is not Origin.PROJECT or target is None:
                    continue
                if package_of(target.name, is_package=target.kind is Kind.PACKAGE) == package:
                    continue
                eligible += 1
                found = _private(each, package)
                if found is not None:
                    said = f"{found[0]} is private to {found[1] or 'the top'}, and {name.name} is not in it"
                    key = f"{statement.written} {found[0]}"
                    violations.append(Violation(NAME, path, statement.line, statement.end[0], said, key))
    return Seen(tuple(violations), eligible)


def _private(each: Resolved, package: str) -> tuple[str, str] | None:
    """What is private, and to which package, where the importing package is not in that one."""
    assert each.target is not None
    parts = each.target.name.split(".")
    for index, part in enumerate(parts):
        if _is_private(part):
            owner = ".".join(parts[:index])
            return None if _is_inside(package, owner) else (".".join(parts[: index + 1]), owner)
    if each.attribute and _is_private(each.attribute):
        owner = package_of(each.target.name, is_package=each.target.kind is Kind.PACKAGE)
        return None if _is_inside(package, owner) else (f"{each.target.name}.{each.attribute}", owner)
    return None


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _is_inside(package: str, owner: str) -> bool:
    return not owner or f"{package}.".startswith(f"{owner}.")


RULE = Rule(NAME, "No imports of what another package calls private.", look)
