"""Opening a database that has the ledger's tables in the version this code reads, making or migrating them."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, inspect, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    ProgrammingError,
)

from strata.files import locked, make_folder
from strata.store.errors import LedgerError
from strata.store.tables import incidents, ledger_version, metadata
from strata.store.telling import tell

# 2 added incidents and answers; 3 generations, models, approvals and changes; 4 migrations, their steps and files;
# 5 tokens, what was decided and told of cases, samples of memory, rollouts and what was measured under them, and two
# indexes of incidents
SCHEMA_VERSION = 5
_OLDER = (1, 2, 3, 4)  # versions that only lack tables and indexes
BUSY_SECONDS = 30  # how long a writer waits for another one before SQLite gives up


def open_database(url: str) -> Engine:
    """An engine for `url` whose database has the ledger's tables, made now if there are none.

    SQLite is put into WAL mode, so that readers and one writer do not hinder each other, and made to sync every commit.
    Raises LedgerError for a URL without a driver, a database that does not answer, or one of another version.
    """
    try:
        engine = create_engine(make_url(url))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise LedgerError(f"cannot open the ledger: {error}") from error
    try:
        found = _prepare(engine)
    except DBAPIError as error:
        engine.dispose()
        raise LedgerError(f"cannot open the ledger at {engine.url}: {error.orig}") from error
    if found != SCHEMA_VERSION:
        engine.dispose()
        raise LedgerError(f"the ledger at {engine.url} has schema version {found}; this release reads {SCHEMA_VERSION}")
    event.listen(engine, "handle_error", tell)
    return engine


def _prepare(engine: Engine) -> int | None:
    file = engine.url.database
    if engine.url.get_backend_name() != "sqlite" or not file or file == ":memory:":
        return _ensure_tables(engine)
    event.listen(engine, "connect", _prepare_sqlite)
    path = Path(file)
    make_folder(path.parent)
    # Two processes that both change a new file to WAL mode can fail at once, without the busy timeout.
    with locked(path.with_name(path.name + ".lock"), exclusive=True):
        return _ensure_tables(engine)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _ensure_tables(engine: Engine) -> int | None:
    try:
        return _tables(engine)
    except (IntegrityError, ProgrammingError):
        return _tables(
            engine
        )  # of several processes that make the tables at once, all but one fail where DDL has no lock


def _tables(engine: Engine) -> int | None:
    """Make or migrate the tables, all of it or nothing; returns the version found, None where there is none."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's sqlite3 begins nothing before DDL by itself
        if not inspect(connection).has_table(ledger_version.name):
            metadata.create_all(connection)
            connection.execute(insert(ledger_version).values(version=SCHEMA_VERSION))
        found = connection.execute(select(ledger_version.c.version)).scalar()
        if found in _OLDER:
            metadata.create_all(connection)  # those that are not there
            for index in incidents.indexes:
                index.create(connection, checkfirst=True)
            connection.execute(update(ledger_version).values(version=SCHEMA_VERSION))
            return SCHEMA_VERSION
        return found
