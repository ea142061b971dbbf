"""Samples of the memory of nodes, taken every some seconds: enough of them for a trend, never more than so many."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from strata.store.database import Database
from strata.store.tables import memory_samples

KEPT = 2880  # of a node: a day of them at one each half minute
FORGOTTEN = timedelta(days=7)  # of a node that is not sampled any more

_COLUMNS = (
    memory_samples.c.node,
    memory_samples.c.taken,
    memory_samples.c.budget,
    memory_samples.c.used,
    memory_samples.c.figures,
)


@dataclass(frozen=True)
class MemorySample:
    """What a node held at a time, in bytes: of its `budget` the account had `used`; figures: whatever else it said."""

    node: str
    taken: datetime
    budget: int
    used: int
    figures: dict[str, Any]


class MemoryLog(Database):
    """The latest samples of each node. kept: of a node at most; forgotten: how long those of one that is gone stay."""

    def __init__(self, source: "str | Database", kept: int = KEPT, forgotten: timedelta = FORGOTTEN) -> None:
        super().__init__(source)
        self._kept, self._forgotten = kept, forgotten

    def add(self, samples: Sequence[MemorySample]) -> None:
        """Record samples, and let go of those that are too many or too old."""
        if not samples:
            return
        with self._engine.begin() as connection:
            connection.execute(insert(memory_samples), [asdict(sample) for sample in samples])
            for node in {sample.node for sample in samples}:
                self._trim(connection, node)
            oldest = max(sample.taken for sample in samples) - self._forgotten
            connection.execute(delete(memory_samples).where(memory_samples.c.taken < oldest))

    def latest(self) -> tuple[MemorySample, ...]:
        """The newest sample of each node, by name."""
        newest = select(func.max(memory_samples.c.id)).group_by(memory_samples.c.node)
        query = select(*_COLUMNS).where(memory_samples.c.id.in_(newest)).order_by(memory_samples.c.node)
        with self._engine.connect() as connection:
            return tuple(MemorySample(**row) for row in connection.execute(query).mappings())

    def series(self, node: str, since: datetime | None = None, limit: int = KEPT) -> tuple[MemorySample, ...]:
        """Samples of a node in order, the newest `limit` of them."""
        query = select(*_COLUMNS).where(memory_samples.c.node == node)
        if since is not None:
            query = query.where(memory_samples.c.taken >= since)
        query = query.order_by(memory_samples.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return tuple(MemorySample(**row) for row in connection.execute(query).mappings())[::-1]

    def _trim(self, connection: Connection, node: str) -> None:
        mine = memory_samples.c.node == node
        first_beyond = select(memory_samples.c.id).where(mine).order_by(memory_samples.c.id.desc())
        last = connection.execute(first_beyond.offset(self._kept).limit(1)).scalar()
        if last is not None:
            connection.execute(delete(memory_samples).where(mine, memory_samples.c.id <= last))
