"""The move of a pointer, and in the same transaction whatever explains it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from strata.store.errors import PointerMoved
from strata.store.names import check_digest, check_name
from strata.store.tables import moves, pointers

_STANDING = select(pointers).where(pointers.c.name == bindparam("name"))


@dataclass(frozen=True)
class Pointer:
    """A name and the digest of the blob it stands for; `revision` counts its moves from 1."""

    name: str
    digest: str
    revision: int


def standing(connection: Connection, name: str) -> Pointer | None:
    """Where `name` stands, or None."""
    row = connection.execute(_STANDING, {"name": name}).mappings().first()
    return Pointer(**row) if row else None


@contextmanager
def swapping(
    engine: Engine, name: str, digest: str, *, expected: str | None, reason: str
) -> Iterator[tuple[Connection, Pointer]]:
    """A transaction that has moved `name` and written its history; the block may write more before it is committed.

    Raises InvalidName, and PointerMoved, and changes nothing, where `name` does not stand at `expected` (None: it does
    not exist).
    """
    check_name(name)
    check_digest(digest)
    with engine.begin() as connection:
        pointer = _swap(engine, connection, Pointer(name, digest, 1), expected)
        entry = {"name": name, "revision": pointer.revision, "digest": digest, "previous": expected}
        connection.execute(insert(moves).values(entry | {"moved": datetime.now(UTC), "reason": reason}))
        yield connection, pointer


def _swap(engine: Engine, connection: Connection, first: Pointer, expected: str | None) -> Pointer:
    name = first.name
    if expected is None:
        try:
            connection.execute(insert(pointers).values(name=name, digest=first.digest, revision=first.revision))
        except IntegrityError as error:
            with engine.connect() as another:  # this transaction has failed
                there = standing(another, name)
            raise PointerMoved(name, expected, there.digest if there else None) from error
        return first
    swap = update(pointers).where(pointers.c.name == name, pointers.c.digest == expected)
    swapped = connection.execute(swap.values(digest=first.digest, revision=pointers.c.revision + 1))
    there = standing(connection, name)
    if swapped.rowcount != 1 or there is None:
        raise PointerMoved(name, expected, there.digest if there else None)
    return there
