"""Connascence within limits: the stronger a kind, the closer the code must lie that it binds together (Weirich 2009).

A finding whose degree is above the limit of its kind is a violation; of name, type, meaning and position only where it
crosses packages, of the stronger kinds wherever it is.
"""

from functools import partial

from strata.migration.check.project import Project
from strata.migration.check.violation import Rule, Seen, Violation
from strata.migration.connascence import Finding, Kind, Locality

_WANTS = {
    Kind.NAME: "No module takes too many names from one of another package.",
    Kind.TYPE: "No module names another package's concrete class in too many places.",
    Kind.MEANING: "Packages do not agree on the meaning of literals.",
    Kind.POSITION: "Few arguments of another package's functions are given by position.",
    Kind.ALGORITHM: "No function does, step by step, what one of another module does.",
    Kind.EXECUTION: "What is opened, acquired or started is closed by `with` or `finally`.",
    Kind.VALUE: "No constant is written down in two modules.",
    Kind.IDENTITY: "No module changes what another one holds.",
}


def look(project: Project, kind: Kind) -> Seen:
    """A site is what the kind's rule counts as one."""
    outcome = project.report.outcomes[kind]
    violations = [
        Violation(_name(kind), each.place.path, each.place.line, each.place.line, each.message, each.key)
        for each in outcome.findings
        if _is_judged(each, project) and _counts(each, project.options.limits.get(kind, 0))
    ]
    return Seen(tuple(violations), sum(outcome.sites.get(path, 0) for path in project.judged))


def _is_judged(finding: Finding, project: Project) -> bool:
    """A copy may be the new one though another is named first, which is its place in every check."""
    places = (finding.place, finding.other, *finding.more) if finding.mutual else (finding.place,)
    return any(each.path in project.judged for each in places)


def _counts(finding: Finding, limit: int) -> bool:
    weak = finding.kind.strength < Kind.ALGORITHM.strength
    return finding.degree > limit and not (weak and finding.locality is not Locality.ACROSS)


def _name(kind: Kind) -> str:
    return f"connascence-{kind}"


RULES = tuple(Rule(_name(kind), wants, partial(look, kind=kind)) for kind, wants in _WANTS.items())
