"""Tables of the ledger, and opening a database that has them in the version this code reads."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, ProgrammingError

from strata.files import locked, make_folder
from strata.store.errors import LedgerError

SCHEMA_VERSION = 2  # 2 adds incidents and answers
BUSY_SECONDS = 30  # how long a writer waits for another one before SQLite gives up


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: timezone-aware in Python, UTC in the database (SQLite keeps no offset)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC, without the offset."""
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Put the offset back."""
        return value and value.replace(tzinfo=UTC)


metadata = MetaData()

ledger_version = Table("ledger_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pipeline", String(128), nullable=False, index=True),
    Column("version", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime),
    Column("figures", JSON, nullable=False),
)

pointers = Table(
    "pointers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
)

moves = Table(
    "moves",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("previous", String(64)),
    Column("moved", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    UniqueConstraint("name", "revision"),
)


incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pipeline", String(128), nullable=False, index=True),
    Column("kind", String(128), nullable=False),
    Column("subject", String(512), nullable=False),
    Column("detail", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("ended", UtcDateTime),
    Column("response", Text, nullable=False),
    Column("figures", JSON, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("request", JSON, nullable=False),
    Column("tokens", JSON, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("changed", UtcDateTime, nullable=False),
)


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
        if found == 1:
            metadata.create_all(connection)  # the tables that version 2 adds
            connection.execute(update(ledger_version).values(version=SCHEMA_VERSION))
            return SCHEMA_VERSION
        return found
