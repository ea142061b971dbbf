"""Every import of the project's own names leads somewhere, in the project or beside it."""

from strata.migration.check.project import Project
from strata.migration.check.violation import Rule, Seen, Violation
from strata.migration.imports import Origin, broken_imports, resolve

NAME = "broken-import"


def look(project: Project) -> Seen:
    """A site is a statement that names something of the project, found or not."""
    violations = [
        Violation(
            NAME,
            each.path,
            each.statement.line,
            each.statement.end[0],
            f"`{each.statement.written}` leads nowhere ({each.origin}{': ' + each.module if each.module else ''})",
            each.statement.written,
        )
        for each in broken_imports(project.analysis)
        if each.path in project.judged
    ]
    eligible = sum(
        any(
            found.origin is Origin.PROJECT
            for name in project.analysis.names[path][:1]
            for found in resolve(statement, name, project.analysis.modules)
        )
        for path, facts in project.files()
        for statement in facts.statements
    )
    return Seen(tuple(violations), eligible + len(violations))


RULE = Rule(NAME, "Every import of the project's own names leads somewhere.", look)
