"""Imports of the project's own modules are written as the strategy says, wherever that is provably the same."""

from strata.migration.check.project import Project
from strata.migration.check.violation import Rule, Seen, Violation
from strata.migration.rewrite import STRATEGIES, judge_file, live_names

NAME = "import-style"


def look(project: Project) -> Seen:
    """A site is a `from` import of one of the project's modules. One that cannot be rewritten safely is excused."""
    if project.options.strategy is None:
        return Seen((), 0)
    strategy = STRATEGIES[project.options.strategy]
    names = live_names(project.analysis)
    violations, eligible = list[Violation](), 0
    for path, facts in project.files():
        if facts.problem is not None:
            continue
        judged = judge_file(facts, names[path], project.analysis.modules, strategy)
        eligible += judged.eligible
        for each in judged.converted:
            statement = each.statement
            message = f"write `from {each.after} import ...`, not `from {each.before} import ...` ({strategy.name})"
            violations.append(Violation(NAME, path, each.line, statement.end[0], message, statement.written))
        for refusal in judged.refusals:
            line = refusal.line or 1
            said = f"{refusal.message} ({refusal.code})"
            violations.append(Violation(NAME, path, line, line, said, refusal.message, refusal.code))
    return Seen(tuple(sorted(violations, key=lambda each: (each.path, each.line))), eligible)


RULE = Rule(NAME, "Imports of the project's own modules follow the chosen strategy.", look)
