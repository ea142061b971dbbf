"""Incidents: what failed, when, and what was done about it. Rows of the ledger's database."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.tables import incidents

State = Literal["open", "resolved", "abandoned"]

_run: ContextVar[str | None] = ContextVar("run", default=None)


@dataclass(frozen=True)
class Incident:
    """kind: what sort of failure; subject: who failed; detail: why; response: what was done; figures: what it took."""

    id: int
    pipeline: str
    kind: str
    subject: str
    detail: str
    state: State
    started: datetime
    ended: datetime | None
    response: str
    figures: Mapping[str, Any]


@contextmanager
def within_run(run: str) -> Iterator[None]:
    """Have the incidents that are begun in the block, and in threads with its context, say in which run: `run`."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


class IncidentLog(Database):
    """The incidents of all pipelines."""

    def begin(
        self, *, pipeline: str, kind: str, subject: str, detail: str, figures: Mapping[str, Any] | None = None
    ) -> int:
        """Record that something failed; returns the incident's id."""
        run = _run.get()
        noted = ({} if run is None else {"run": run}) | dict(figures or {})
        row = {"pipeline": pipeline, "kind": kind, "subject": subject, "detail": detail, "state": "open"}
        row |= {"response": ""}
        with self._engine.begin() as connection:
            values = row | {"started": datetime.now(UTC), "figures": noted}
            key = connection.execute(insert(incidents).values(values)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def resolve(self, incident_id: int, response: str, figures: Mapping[str, Any] | None = None) -> None:
        """Record what was done about it, and that it helped. Raises LedgerError unless the incident is open."""
        self._end(incident_id, "resolved", response, figures or {})

    def abandon(self, incident_id: int, response: str, figures: Mapping[str, Any] | None = None) -> None:
        """Record that nothing helped. Raises LedgerError unless the incident is open."""
        self._end(incident_id, "abandoned", response, figures or {})

    def find(self, incident_id: int) -> Incident | None:
        """The incident of that number."""
        with self._engine.connect() as connection:
            row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).mappings().first()
        return Incident(**row) if row else None

    def recent(self, pipeline: str | None = None, limit: int = 20) -> tuple[Incident, ...]:
        """The latest incidents, newest first."""
        query = select(incidents).order_by(incidents.c.id.desc()).limit(limit)
        if pipeline is not None:
            query = query.where(incidents.c.pipeline == pipeline)
        with self._engine.connect() as connection:
            return tuple(Incident(**row) for row in connection.execute(query).mappings())

    def open_ones(self, pipeline: str, kind: str | None = None, subject: str | None = None) -> tuple[Incident, ...]:
        """Incidents (of one kind, of one subject) of which nobody has recorded an end, oldest first."""
        wanted = {"pipeline": pipeline, "kind": kind, "subject": subject, "state": "open"}
        mine = {column: value for column, value in wanted.items() if value is not None}
        query = select(incidents).filter_by(**mine).order_by(incidents.c.id)
        with self._engine.connect() as connection:
            return tuple(Incident(**row) for row in connection.execute(query).mappings())

    def _end(self, incident_id: int, state: State, response: str, figures: Mapping[str, Any]) -> None:
        with self._engine.begin() as connection:
            end_incident(connection, incident_id, state, response, figures)


def end_incident(
    connection: Connection, incident_id: int, state: State, response: str, figures: Mapping[str, Any]
) -> None:
    """Record an end as part of a transaction. Raises LedgerError unless the incident is open."""
    mine = (incidents.c.id == incident_id, incidents.c.state == "open")
    change: dict[str, Any] = {"state": state, "ended": datetime.now(UTC), "response": response}
    # The write comes first: SQLite then waits for its turn instead of failing.
    if connection.execute(update(incidents).where(*mine).values(change)).rowcount != 1:
        raise LedgerError(f"incident {incident_id} is not open")
    this = incidents.c.id == incident_id
    before = connection.execute(select(incidents.c.figures).where(this)).scalar_one()
    connection.execute(update(incidents).where(this).values(figures={**before, **figures}))
