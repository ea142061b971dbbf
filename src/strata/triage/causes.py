"""Which case explains which: by rules, within their times, and never in a circle."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from strata.store import Incident
from strata.triage.case import Case
from strata.triage.rules import SEVERITIES, CauseRule, Rules
from strata.triage.standing import NEVER


def explain(cases: Sequence[Case], incidents: Mapping[int, Sequence[Incident]], rules: Rules) -> dict[int, int]:
    """The cause of each case that has one, both by number.

    incidents: of each case. The first rule that finds a cause counts, and of several that it finds the one that is
    nearest in time.
    """
    found: dict[int, int] = {}
    for rule in rules.causes:
        effects = [each for each in cases if each.id not in found and rule.effect.fits(each.pipeline, each.kind)]
        if not effects:
            continue
        known: defaultdict[str, list[Case]] = defaultdict(list)
        for cause in cases:
            if _may_explain(cause, rule):
                for value in _values(rule.same, incidents[cause.id]):
                    known[value].append(cause)
        for effect in effects:
            values = _values(rule.same, incidents[effect.id])
            choices = {cause.id: cause for value in values for cause in known.get(value, ())}.values()
            fitting = [each for each in choices if _in_time(effect, each, rule) and not _circle(effect, each, found)]
            if fitting:
                found[effect.id] = min(fitting, key=lambda each: (_apart(effect, each), each.id)).id
    return found


def _may_explain(case: Case, rule: CauseRule) -> bool:
    enough = SEVERITIES.index(case.severity) >= SEVERITIES.index(rule.least)
    return enough and rule.cause.fits(case.pipeline, case.kind)


def _values(same: str, incidents: Sequence[Incident]) -> set[str]:
    """What the incidents of a case have in that place."""
    if same == "subject":
        return {incidents[0].subject}
    name = same.removeprefix("figures.")
    return {str(each.figures[name]) for each in incidents if each.figures.get(name) is not None}


def _in_time(effect: Case, cause: Case, rule: CauseRule) -> bool:
    before, after = timedelta(seconds=rule.before), timedelta(seconds=rule.after)
    return effect.last >= cause.first - before and effect.first <= _later(cause.ended, after)


def _later(time: datetime | None, after: timedelta) -> datetime:
    return NEVER if time is None else time + after


def _apart(effect: Case, cause: Case) -> timedelta:
    return abs(effect.last - cause.last)


def _circle(effect: Case, cause: Case, found: Mapping[int, int]) -> bool:
    """Whether the effect is among what explains the cause, or is the cause."""
    return effect.id in _chain(cause.id, found)


def _chain(start: int, found: Mapping[int, int]) -> Iterator[int]:
    yield start
    while start in found:
        start = found[start]
        yield start
