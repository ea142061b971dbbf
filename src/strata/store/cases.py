"""Cases: the incidents that they are made of, what people decided about them, and what was told of them, and to whom.

What is read of the log is bounded: its latest incidents, those that nobody has ended, and of earlier ones only those
that a later incident may still belong to.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Literal, Protocol

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.incidents import Incident
from strata.store.tables import case_decisions, case_notices, incidents

Verdict = Literal["acknowledged", "resolved"]

NEVER = datetime.max.replace(tzinfo=UTC)

OVERLAP = 64  # of the newest are read again: in PostgreSQL a lower id may be committed after a higher one
LONGEST_BY, LONGEST_REASON = 128, 2000  # characters
_STRIDE = 4  # an older part of a case is looked for in steps of so many quiet times
_NAMES = ("pipeline", "kind", "subject")
_AT_ONCE = 500  # ids in one statement
_MOST_RELATED = 5000  # later incidents that are looked at for an old case


@dataclass(frozen=True)
class Decision:
    """What a person said of a case, by the id of its first incident."""

    id: int
    case: int
    state: Verdict
    by: str
    reason: str
    decided: datetime


@dataclass(frozen=True)
class Hold:
    """How long after its end an incident's case takes in another one: `quiet`, `lapse` where it was abandoned."""

    quiet: timedelta
    lapse: timedelta

    def until(self, incident: Incident) -> datetime:
        """When it takes in no other one any more; open ones do for ever."""
        if incident.ended is None:
            return NEVER
        return incident.ended + (self.lapse if incident.state == "abandoned" else self.quiet)


class Holds(Protocol):
    """By pipeline and kind."""

    @property
    def longest(self) -> Hold:
        """No incident is held for longer."""
        ...

    def hold(self, pipeline: str, kind: str) -> Hold:
        """How long incidents of this kind are held."""
        ...


class CaseLog(Database):
    """What the triage reads and writes."""

    def recent(self, newest: int, holds: Holds) -> tuple[Incident, ...]:
        """The `newest` incidents, the open ones, and all that a case with one of those may have begun with; by id."""
        with self._engine.connect() as connection:
            latest = _read(connection, select(incidents).order_by(incidents.c.id.desc()).limit(newest))
            found = {each.id: each for each in latest}
            if len(found) == newest:
                oldest, since, longest = min(found), min(each.started for each in latest), holds.longest
                earlier = select(incidents).where(
                    incidents.c.id < oldest, _reaches(since - longest.quiet, since - longest.lapse)
                )
                reaching = [each for each in _read(connection, earlier) if _hold(each, holds).until(each) >= since]
                found |= {each.id: each for each in reaching}
                for head in _heads(reaching):
                    found |= {each.id: each for each in _before(connection, head, _hold(head, holds))}
        return tuple(found[key] for key in sorted(found))

    def changed(self, newest: int, unended: Iterable[int]) -> tuple[Incident, ...]:
        """Incidents that were begun after the `newest` known one, and those of `unended` that have ended since."""
        with self._engine.connect() as connection:
            found = _read(connection, select(incidents).where(incidents.c.id > newest - OVERLAP))
            for some in _parts(unended):
                ended = select(incidents).where(incidents.c.id.in_(some), incidents.c.state != "open")
                found += _read(connection, ended)
        return tuple(found)

    def related(self, incident_id: int, holds: Holds) -> tuple[Incident, ...]:
        """The incident of that number, and those of its kind and subject that its case may have besides; by id."""
        with self._engine.connect() as connection:
            mine = _read(connection, select(incidents).where(incidents.c.id == incident_id))
            if not mine:
                return ()
            later = select(incidents).filter_by(**_alike(mine[0])).where(incidents.c.id > incident_id)
            later = later.order_by(incidents.c.id).limit(_MOST_RELATED)
            found = [*_before(connection, mine[0], _hold(mine[0], holds)), *mine, *_read(connection, later)]
        return tuple(sorted(found, key=lambda each: each.id))

    def decide(
        self, case: int, state: Verdict, by: str, reason: str, *, not_before: datetime, ends: Sequence[int] = ()
    ) -> None:
        """Write a decision down, and end the incidents `ends`, where they are open, with it.

        not_before: when what is decided upon began, by the clock of whoever wrote it down. Raises LedgerError for
        somebody without a name, or for texts that are too long.
        """
        if not by or len(by) > LONGEST_BY or len(reason) > LONGEST_REASON or "\0" in by + reason:
            raise LedgerError(
                f"a decision needs who decides, in {LONGEST_BY} characters, and a reason of at most {LONGEST_REASON}"
            )
        now = max(datetime.now(UTC), not_before)
        row = {"case": case, "state": state, "by": by, "reason": reason, "decided": now}
        end = {"state": "resolved", "ended": now, "response": f"resolved by {by}: {reason}"}
        with self._engine.begin() as connection:
            connection.execute(insert(case_decisions).values(row))
            for some in _parts(ends):
                open_ones = (incidents.c.id.in_(some), incidents.c.state == "open")
                connection.execute(update(incidents).where(*open_ones).values(end))

    def decisions(self, after: int = 0, since: int = 0) -> tuple[Decision, ...]:
        """Decisions with a number above `after` about cases from number `since` on, the oldest first."""
        query = select(case_decisions).where(case_decisions.c.id > after, case_decisions.c.case >= since)
        with self._engine.connect() as connection:
            return tuple(Decision(**row) for row in connection.execute(query.order_by(case_decisions.c.id)).mappings())

    def told(self, outlet: str, since: int = 0) -> frozenset[tuple[int, str]]:
        """What was told by this outlet of cases from number `since` on."""
        query = select(case_notices.c.case, case_notices.c.what)
        mine = query.where(case_notices.c.outlet == outlet, case_notices.c.case >= since)
        with self._engine.connect() as connection:
            return frozenset((case, what) for case, what in connection.execute(mine))

    def tell(self, outlet: str, case: int, what: str) -> bool:
        """Note that it was told; False where it was noted before."""
        row = {"case": case, "outlet": outlet, "what": what, "told": datetime.now(UTC)}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(case_notices).values(row))
        except IntegrityError:
            return False
        return True


def _read(connection: Connection, query: Select[Any]) -> list[Incident]:
    return [Incident(**row) for row in connection.execute(query).mappings()]


def _reaches(resolved: Any, abandoned: Any) -> ColumnElement[bool]:
    """Open ones, and what has ended since these times; values or parameters."""
    state, ended = incidents.c.state, incidents.c.ended
    return or_(
        state == "open",
        and_(state == "resolved", ended >= resolved),
        and_(state == "abandoned", ended >= abandoned),
    )


def _hold(incident: Incident, holds: Holds) -> Hold:
    return holds.hold(incident.pipeline, incident.kind)


def _alike(incident: Incident) -> dict[str, str]:
    return {name: getattr(incident, name) for name in _NAMES}


def _heads(found: Iterable[Incident]) -> list[Incident]:
    """The earliest of each kind and subject."""
    heads: dict[tuple[str, str, str], Incident] = {}
    for each in sorted(found, key=lambda incident: incident.started, reverse=True):
        heads[each.pipeline, each.kind, each.subject] = each
    return list(heads.values())


# Made once: it is asked for each of many incidents, and making it takes longer than answering it.
_EARLIER = select(incidents).where(
    *(incidents.c[name] == bindparam(name) for name in _NAMES),
    incidents.c.started <= bindparam("since"),
    _reaches(bindparam("resolved"), bindparam("abandoned")),
)


def _before(connection: Connection, head: Incident, hold: Hold) -> list[Incident]:
    """What a case may have before its incident `head`, however far that goes back."""
    found, since = {head.id: head}, head.started
    while True:
        ended = {"resolved": since - _STRIDE * hold.quiet, "abandoned": since - hold.lapse}
        earlier = connection.execute(_EARLIER, _alike(head) | {"since": since} | ended).mappings()
        more = [Incident(**row) for row in earlier if row["id"] not in found]
        if not more:
            break
        found |= {each.id: each for each in more}
        since = min(each.started for each in more)
    del found[head.id]
    return list(found.values())


def _parts(ids: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """So many at a time as a statement takes."""
    left = iter(ids)
    while part := tuple(islice(left, _AT_ONCE)):
        yield part
