"""What everything that is kept in the ledger's database has in common: an engine, and its end."""

from sqlalchemy import Engine

from strata.closing import Closing
from strata.store.schema import open_database


class Database(Closing):
    """A part of the ledger's database. Safe to use from many threads and processes; close it, or use it as a context.

    source: SQLAlchemy's URL, or another part of the same database, whose connections are shared and which is closed by
    whoever opened it. Raises LedgerError.
    """

    def __init__(self, source: "str | Database") -> None:
        self._shared = isinstance(source, Database)
        self._engine: Engine = source._engine if isinstance(source, Database) else open_database(source)

    def close(self) -> None:
        """Close the connections, unless they are another's."""
        if not self._shared:
            self._engine.dispose()
