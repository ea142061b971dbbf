"""Which incidents are one case: those of the same pipeline, kind and subject, while it lasts and for a while after.

An incident belongs to the case before it unless that had ended more than the rule's quiet time before this one began;
one that was abandoned takes in others until it lapses. This depends on earlier incidents only, and on when they ended,
so that a case keeps its number as the log grows.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from strata.store import Hold, Incident
from strata.triage.rules import CaseRule, Rules

_EVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Group:
    """Incidents of one case, the oldest first, and what holds for it; until: up to when it takes in others."""

    rule: CaseRule
    hold: Hold
    incidents: list[Incident] = field(default_factory=list)
    until: datetime = _EVER

    def add(self, incident: Incident) -> None:
        """Take it in."""
        self.incidents.append(incident)
        self.until = max(self.until, self.hold.until(incident))


def group(incidents: Iterable[Incident], rules: Rules) -> list[Group]:
    """The cases' incidents, by the number of their first."""
    groups: list[Group] = []
    latest: dict[tuple[str, ...], Group] = {}
    for incident in sorted(incidents, key=lambda each: each.id):
        rule = rules.of(incident.pipeline, incident.kind)
        apart = (str(incident.figures.get(name)) for name in rule.apart)
        key = (incident.pipeline, incident.kind, incident.subject, *apart)
        if key not in latest or latest[key].until < incident.started:
            latest[key] = Group(rule, rules.hold(incident.pipeline, incident.kind))
            groups.append(latest[key])
        latest[key].add(incident)
    return groups
