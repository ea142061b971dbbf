"""Generations: one round each of breeding, testing and judging."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.names import check_digest
from strata.store.tables import generations

GenerationState = Literal["running", "promoted", "kept", "proposed", "failed"]


@dataclass(frozen=True)
class Generation:
    """champion: the one before it; strategy: blob of the search's state after it; kept: the champion stayed."""

    id: int
    started: datetime
    finished: datetime | None
    state: GenerationState
    champion: str | None
    strategy: str | None
    figures: Mapping[str, Any]


class GenerationLog(Database):
    """The generations of the evolution, numbered from 1."""

    def begin(self, champion: str | None, figures: Mapping[str, Any] | None = None) -> int:
        """Record that a generation began; returns its number."""
        row = {"started": datetime.now(UTC), "state": "running", "champion": champion and check_digest(champion)}
        with self._engine.begin() as connection:
            new = insert(generations).values(row | {"figures": dict(figures or {})})
            key = connection.execute(new).inserted_primary_key
        assert key is not None
        return int(key[0])

    def save(self, generation: int, figures: Mapping[str, Any]) -> None:
        """Record how far it is, to be taken up there after a crash. Raises LedgerError unless it is running."""
        self._change(generation, {"figures": dict(figures)})

    def finish(
        self, generation: int, state: GenerationState, figures: Mapping[str, Any], strategy: str | None = None
    ) -> None:
        """Record how it ended. Raises LedgerError unless it is running."""
        change = {"state": state, "finished": datetime.now(UTC), "figures": dict(figures)}
        self._change(generation, change | {"strategy": strategy and check_digest(strategy)})

    def find(self, generation: int) -> Generation | None:
        """The generation of that number."""
        with self._engine.connect() as connection:
            row = connection.execute(select(generations).where(generations.c.id == generation)).mappings().first()
        return Generation(**row) if row else None

    def recent(self, limit: int = 20, state: GenerationState | None = None) -> tuple[Generation, ...]:
        """The latest generations (of one state), newest first."""
        query = select(generations).order_by(generations.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(generations.c.state == state)
        with self._engine.connect() as connection:
            return tuple(Generation(**row) for row in connection.execute(query).mappings())

    def latest_strategy(self) -> str | None:
        """Blob of the newest state of the search."""
        known = select(generations.c.strategy).where(generations.c.strategy.is_not(None))
        with self._engine.connect() as connection:
            return connection.execute(known.order_by(generations.c.id.desc()).limit(1)).scalar()

    def _change(self, generation: int, values: Mapping[str, Any]) -> None:
        mine = (generations.c.id == generation, generations.c.state == "running")
        with self._engine.begin() as connection:
            if connection.execute(update(generations).where(*mine).values(values)).rowcount != 1:
                raise LedgerError(f"generation {generation} is not running")
