"""The ledger: SQL tables that say what ran, and which blob a name stands for now and stood for before.

SQLite by default, any other database by its SQLAlchemy URL. Every change is one transaction that begins with its write:
SQLite then waits its turn for the lock, instead of failing when a transaction that began by reading turns to writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Select, insert, select, update

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.swapping import Pointer, standing, swapping
from strata.store.tables import changes, generations, migration_steps, migrations, models, moves, pointers, runs

RunState = Literal["running", "completed", "failed", "crashed", "cancelled", "skipped", "suspended"]


@dataclass(frozen=True)
class Run:
    """One execution of a pipeline; `version` is the tag of the settings it ran under, `figures` what it measured."""

    id: int
    pipeline: str
    version: str
    state: RunState
    started: datetime
    finished: datetime | None
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Move:
    """One entry of a pointer's history."""

    name: str
    revision: int
    digest: str
    previous: str | None
    moved: datetime
    reason: str


class Ledger(Database):
    """Runs and pointers."""

    def start_run(self, pipeline: str, version: str, figures: Mapping[str, Any] | None = None) -> int:
        """Record that a pipeline began; returns the run's id. `figures`: what is known of it until it ends."""
        row = {"pipeline": pipeline, "version": version, "state": "running", "started": _now()}
        row |= {"figures": dict(figures or {})}
        with self._engine.begin() as connection:
            key = connection.execute(insert(runs).values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def finish_run(self, run_id: int, state: RunState, figures: Mapping[str, Any]) -> None:
        """Record how a run ended. Raises LedgerError unless it is running."""
        change = update(runs).where(runs.c.id == run_id, runs.c.state == "running")
        with self._engine.begin() as connection:
            done = connection.execute(change.values(state=state, finished=_now(), figures=dict(figures)))
            if done.rowcount != 1:
                raise LedgerError(f"run {run_id} is not running")

    def runs(self, pipeline: str | None = None, limit: int = 20) -> tuple[Run, ...]:
        """The latest runs, newest first."""
        query = select(runs).order_by(runs.c.id.desc()).limit(limit)
        if pipeline is not None:
            query = query.where(runs.c.pipeline == pipeline)
        return self._runs(query)

    def under_way(self) -> tuple[Run, ...]:
        """The runs of which nobody has recorded an end, the oldest first."""
        return self._runs(select(runs).where(runs.c.state == "running").order_by(runs.c.id))

    def runs_since(self, when: datetime) -> tuple[Run, ...]:
        """The runs that began then or later, the oldest first."""
        return self._runs(select(runs).where(runs.c.started >= when).order_by(runs.c.id))

    def pointer(self, name: str) -> Pointer | None:
        """Where `name` stands, or None."""
        with self._engine.connect() as connection:
            return standing(connection, name)

    def move(self, name: str, digest: str, *, expected: str | None, reason: str = "") -> Pointer:
        """Point `name` at `digest` if it stands at `expected` (None: it does not exist), and write its history.

        Call `Store.renew(digest)` before, so that a collector which has not seen the move yet leaves the blob alone.
        Raises PointerMoved, and changes nothing, when somebody else moved it first.
        """
        with swapping(self._engine, name, digest, expected=expected, reason=reason) as (_, pointer):
            return pointer

    def history(self, name: str) -> tuple[Move, ...]:
        """Every move of a pointer, the latest first."""
        query = select(moves).where(moves.c.name == name).order_by(moves.c.revision.desc())
        with self._engine.connect() as connection:
            return tuple(
                Move(**{column: value for column, value in row.items() if column != "id"})
                for row in connection.execute(query).mappings()
            )

    def digests(self, depth: int = 3) -> frozenset[str]:
        """The roots of a collection: all that the ledger names and that cannot be made again.

        What the pointers stand for, and stood for in their last `depth` moves; the recipes of models; the judgements
        behind changes of the champion; the last `depth` states of the search; plans of migrations, and the
        bytes of files before and after them.
        """
        recent = moves.c.revision > pointers.c.revision - depth
        states = select(generations.c.strategy).where(generations.c.strategy.is_not(None))
        queries = (
            select(moves.c.digest).join(pointers, pointers.c.name == moves.c.name).where(recent),
            select(models.c.recipe).where(models.c.recipe.is_not(None)),
            select(changes.c.judgement).where(changes.c.judgement.is_not(None)),
            states.order_by(generations.c.id.desc()).limit(depth),
            select(migrations.c.plan).where(migrations.c.plan.is_not(None)),
            select(migration_steps.c.pack).where(migration_steps.c.pack.is_not(None)),
        )
        with self._engine.connect() as connection:
            return frozenset(digest for query in queries for digest in connection.execute(query).scalars())

    def _runs(self, query: Select[Any]) -> tuple[Run, ...]:
        with self._engine.connect() as connection:
            return tuple(Run(**row) for row in connection.execute(query).mappings())


def _now() -> datetime:
    return datetime.now(UTC)
