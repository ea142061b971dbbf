"""No cycles of imports while modules are loaded: whether they work depends on which of them is imported first.

Every import between modules of one cycle is a violation, whichever of them would be the cheapest to take away (that
`strata imports analyse` says): so the import that closes a cycle is always among the new ones.
"""

from collections import defaultdict

from strata.migration.check.project import Project
from strata.migration.check.violation import Rule, Seen, Violation
from strata.migration.graph import components

NAME = "import-cycle"


def look(project: Project) -> Seen:
    """A site is a module and one that it imports when it is loaded."""
    ends: dict[str, dict[str, int]] = defaultdict(dict)
    for edge in project.edges:
        if not edge.type_only and not edge.deferred:
            ends[edge.importer].setdefault(edge.imported, edge.line)
    member = {
        module: (number, len(part)) for number, part in enumerate(components(ends)) for module in part if len(part) > 1
    }
    paths = {name: path for path, name in project.analysis.modules.by_path().items() if path in project.judged}
    violations, eligible = list[Violation](), 0
    for importer, path in sorted(paths.items(), key=lambda each: each[1]):
        for imported, line in ends.get(importer, {}).items():
            eligible += 1
            if importer in member and member[importer] == member.get(imported):
                modules = member[importer][1]
                said = f"importing {imported} is part of a cycle of {modules} modules"
                violations.append(Violation(NAME, path, line, line, said, imported))
    return Seen(tuple(violations), eligible)


RULE = Rule(NAME, "No cycles of imports while modules are loaded.", look)
