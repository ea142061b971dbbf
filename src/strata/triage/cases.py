"""From incidents to cases: a pure function."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from strata.store import Decision, Incident
from strata.triage.case import Case, Playbook
from strata.triage.causes import explain
from strata.triage.grouping import Group, group
from strata.triage.rules import SEVERITIES, CaseRule, Rules, Severity
from strata.triage.standing import standing


def triage(
    incidents: Iterable[Incident], decisions: Iterable[Decision], rules: Rules, now: datetime
) -> tuple[Case, ...]:
    """The cases that these incidents are, with what people decided about them, by number."""
    decided: defaultdict[int, list[Decision]] = defaultdict(list)
    for decision in sorted(decisions, key=lambda each: each.id):
        decided[decision.case].append(decision)
    groups = {each.incidents[0].id: each for each in group(incidents, rules)}
    cases = [_case(each, tuple(decided[number]), now) for number, each in groups.items()]
    causes = explain(cases, {number: each.incidents for number, each in groups.items()}, rules)
    effects: defaultdict[int, list[int]] = defaultdict(list)
    for effect, cause in sorted(causes.items()):
        effects[cause].append(effect)
    return tuple(replace(each, cause=causes.get(each.id), effects=tuple(effects[each.id])) for each in cases)


def _case(found: Group, decisions: tuple[Decision, ...], now: datetime) -> Case:
    first, latest, rule = found.incidents[0], found.incidents[-1], found.rule
    stands = standing(found.incidents, decisions, timedelta(seconds=rule.lapse), now)
    return Case(
        id=first.id,
        pipeline=first.pipeline,
        kind=first.kind,
        subject=first.subject,
        severity=_severity(found.incidents, rule),
        state=stands.state,
        detail=latest.detail,
        response=next((each.response for each in reversed(found.incidents) if each.response), ""),
        count=len(found.incidents),
        openings=stands.openings,
        first=first.started,
        last=latest.started,
        since=stands.since,
        changed=stands.changed,
        ended=stands.ended,
        incidents=tuple(each.id for each in found.incidents),
        unended=tuple(each.id for each in found.incidents if each.state == "open"),
        playbook=Playbook(rule.automatic, tuple(step.replace("{id}", str(first.id)) for step in rule.steps)),
        decisions=decisions,
    )


def _severity(incidents: Sequence[Incident], rule: CaseRule) -> Severity:
    """The highest of its incidents', which say it themselves or have the rule's."""
    found = {
        severity if (severity := each.figures.get("severity")) in SEVERITIES else rule.severity for each in incidents
    }
    if any(each.state == "abandoned" for each in incidents):
        found.add(rule.abandoned)
    if rule.repeats is not None and len(incidents) >= rule.repeats.count:
        found.add(rule.repeats.severity)
    return max(found, key=SEVERITIES.index)
