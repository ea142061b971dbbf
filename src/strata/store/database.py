"""What everything that is kept in the ledger's database has in common: an engine, and its end."""

from types import TracebackType
from typing import Self

from strata.store.schema import open_database


class Database:
    """A part of the ledger's database. Safe to use from many threads and processes; close it, or use it as a context.

    url: SQLAlchemy's. Raises LedgerError.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
