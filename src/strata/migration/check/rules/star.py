"""No `from x import *`: nobody can see what it binds, and what it binds changes with the other module.

A package's `__init__.py` may take all names of its own modules: that is how packages present themselves.
"""

from strata.migration.check.project import Project
from strata.migration.check.violation import Rule, Seen, Violation
from strata.migration.imports import How, absolute_name

NAME = "star-import"


def look(project: Project) -> Seen:
    """A site is a `from` import."""
    violations, eligible = list[Violation](), 0
    for path, facts in project.files():
        name = next((each for each in project.analysis.names[path] if each.how is How.IMPORT), None)
        package = name.package if name is not None else None
        for each in facts.statements:
            if each.level is None:
                continue
            eligible += 1
            if each.names[0][0] != "*":
                continue
            inside = package is not None and f"{absolute_name(each, package)}.".startswith(f"{package}.")
            if not (inside and path.endswith("__init__.py")):
                said = f"`{each.written}` hides which names it binds; name them"
                violations.append(Violation(NAME, path, each.line, each.end[0], said, each.written))
    return Seen(tuple(violations), eligible)


RULE = Rule(NAME, "No star imports, but in a package's __init__.py from its own modules.", look)
