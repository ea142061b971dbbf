"""Results that were computed before: an SQLite file, so that a killed evaluation goes on where it was.

It holds nothing that could not be computed again, so it may be deleted at any time.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from strata.closing import Closing
from strata.errors import StrataError
from strata.files import make_folder

_TABLE = """
create table if not exists answers (
    model text not null, suite text not null, item text not null, score real not null, margin real not null,
    primary key (model, suite, item)
) without rowid
"""
_FIND = "select score, margin from answers where model = ? and suite = ? and item = ?"
_SAVE = "insert or replace into answers values (?, ?, ?, ?, ?)"


class CacheFailed(StrataError):
    """The file of results cannot be read or written."""


@dataclass(frozen=True)
class Key:
    """Digest of the model, the suite's name and version, digest of the item."""

    model: str
    suite: str
    item: str


@dataclass(frozen=True)
class Answer:
    """`score`: 1 right, 0 wrong; `margin`: how clearly, above 0 where right by likelihood (see `evaluate`)."""

    score: float
    margin: float


class AnswerCache(Closing):
    """Answers by `Key`; safe under many processes. Close it, or use it as a context. Raises CacheFailed."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        try:
            self._connection = sqlite3.connect(path, timeout=30)
            with closing(self._connection.cursor()) as cursor:
                cursor.execute("pragma journal_mode=wal")
                cursor.execute("pragma synchronous=normal")
                cursor.execute(_TABLE)
        except sqlite3.Error as error:
            raise CacheFailed(f"cannot open {path}: {error}; it may be deleted") from error

    def find(self, keys: Iterable[Key]) -> dict[Key, Answer]:
        """Those that are known."""
        found: dict[Key, Answer] = {}
        try:
            for key in keys:
                row = self._connection.execute(_FIND, (key.model, key.suite, key.item)).fetchone()
                if row:
                    found[key] = Answer(*row)
        except sqlite3.Error as error:
            raise CacheFailed(f"cannot read results: {error}") from error
        return found

    def save(self, answers: Mapping[Key, Answer]) -> None:
        """Add them in one transaction."""
        rows: Sequence[tuple[str, str, str, float, float]] = [
            (key.model, key.suite, key.item, answer.score, answer.margin) for key, answer in answers.items()
        ]
        try:
            with self._connection:
                self._connection.executemany(_SAVE, rows)
        except sqlite3.Error as error:
            raise CacheFailed(f"cannot write results: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
