"""How a case stands: open, acknowledged or resolved, by what became of its incidents and what people decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strata.store import Decision, Incident
from strata.triage.case import CaseState

NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Standing:
    """As in `Case`."""

    state: CaseState
    openings: int
    since: datetime
    changed: datetime
    ended: datetime | None


@dataclass
class _Course:
    """The incidents so far: when all had ended, and whether the last to end was abandoned."""

    ended: datetime
    abandoned: bool

    def add(self, incident: Incident) -> None:
        """Go on by one."""
        ended = incident.ended or NEVER
        if ended >= self.ended:
            self.ended, self.abandoned = ended, incident.state == "abandoned"


def standing(incidents: Sequence[Incident], decisions: Sequence[Decision], lapse: timedelta, now: datetime) -> Standing:
    """How a case of these incidents and decisions, the oldest first, stands at `now`.

    It is over when all incidents have ended and something helped in the end, when a person says so, or when it lapses:
    nothing had helped, and nobody resolved it. An incident after that opens it again.
    """
    first = incidents[0]
    course = _Course(first.ended or NEVER, first.state == "abandoned")
    openings, since = 1, first.started
    for incident in incidents[1:]:
        by_itself = course.ended <= incident.started and not course.abandoned
        by_hand = any(each.state == "resolved" and since <= each.decided < incident.started for each in decisions)
        if by_itself or by_hand:
            openings, since = openings + 1, incident.started
        course.add(incident)
    mine = [each for each in decisions if each.decided >= since]
    said = mine[-1] if mine else None
    ended = None if course.ended == NEVER else course.ended
    if said is not None and said.state == "resolved":
        return Standing("resolved", openings, since, said.decided, ended or said.decided)
    if ended is not None and not course.abandoned:
        return Standing("resolved", openings, since, ended, ended)
    if ended is not None and ended + lapse <= now:
        return Standing("resolved", openings, since, ended + lapse, ended)
    if said is not None:
        return Standing("acknowledged", openings, since, said.decided, ended)
    return Standing("open", openings, since, since, ended)
