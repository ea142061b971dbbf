"""Locks that all who use a ledger share, on whichever machine: PostgreSQL's advisory ones, or a file beside SQLite's.

Each ends with its process, however that ends; PostgreSQL's also with the connection to the server.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, text

from strata.files import locked, try_lock
from strata.store.errors import LedgerError
from strata.store.names import check_name
from strata.store.telling import tell

_KEEPALIVE_SECONDS = 60  # so that nothing between us and the server forgets a connection that only waits


@contextmanager
def ledger_lock(engine: Engine, what: str, *, wait: bool) -> Iterator[bool]:
    """Hold the ledger's lock of this name for the length of the block. Threads count like processes.

    Yields False where another has it, and no `wait`. Raises LedgerError.
    """
    check_name(what)
    match engine.dialect.name:
        case "sqlite":
            with _file_lock(engine.url.database, what, wait=wait) as held:
                yield held
        case "postgresql":
            with _advisory_lock(engine, what, wait=wait) as held:
                yield held
        case other:
            raise LedgerError(f"a ledger on {other} has no lock that its users share; use PostgreSQL, or SQLite")


@contextmanager
def _file_lock(database: str | None, what: str, *, wait: bool) -> Iterator[bool]:
    if not database or database == ":memory:":  # nobody else can use it
        yield True
        return
    path = Path(database)
    path = path.with_name(f"{path.name}.{what}.lock")
    if wait:
        with locked(path, exclusive=True):
            yield True
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        yield try_lock(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _advisory_lock(engine: Engine, what: str, *, wait: bool) -> Iterator[bool]:
    """On a connection of its own: the pool's would be handed to others with the lock, or all be held by who waits."""
    key = int.from_bytes(hashlib.sha256(f"strata {what}".encode()).digest()[:8], "big", signed=True)
    options: dict[str, Any] = {}
    if engine.dialect.driver.startswith("psycopg"):
        options["connect_args"] = {"keepalives_idle": _KEEPALIVE_SECONDS}
    own = create_engine(engine.url, poolclass=NullPool, isolation_level="AUTOCOMMIT", **options)
    event.listen(own, "handle_error", tell)
    with own.connect() as connection:
        take = "pg_advisory_lock" if wait else "pg_try_advisory_lock"
        answer = connection.execute(text(f"SELECT {take}(:key)"), {"key": key}).scalar()
        yield wait or bool(answer)
