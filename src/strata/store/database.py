"""What everything that is kept in the ledger's database has in common: an engine, its locks, and its end."""

from contextlib import AbstractContextManager

from sqlalchemy import Engine

from strata.closing import Closing
from strata.store.locking import ledger_lock
from strata.store.schema import open_database


class Database(Closing):
    """A part of the ledger's database. Safe to use from many threads and processes; close it, or use it as a context.

    source: SQLAlchemy's URL, or another part of the same database, whose connections are shared and which is closed by
    whoever opened it. Raises LedgerError.
    """

    def __init__(self, source: "str | Database") -> None:
        self._shared = isinstance(source, Database)
        self._engine: Engine = source._engine if isinstance(source, Database) else open_database(source)

    def alone(self, what: str, *, wait: bool = True) -> AbstractContextManager[bool]:
        """Do `what` (a name) alone among all who use this ledger, on all machines, for the length of the block.

        Yields False where somebody else does, and no `wait`. Raises LedgerError.
        """
        return ledger_lock(self._engine, what, wait=wait)

    def close(self) -> None:
        """Close the connections, unless they are another's."""
        if not self._shared:
            self._engine.dispose()
