"""Answers under way: what was asked, and the tokens so far, so that one that was cut off can be taken up again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.names import check_name
from strata.store.tables import answers


@dataclass(frozen=True)
class AnswerRecord:
    """request: what was asked, as its pipeline writes it; tokens: new token ids of each row."""

    name: str
    request: Mapping[str, Any]
    tokens: list[list[int]]
    finished: bool
    changed: datetime


class AnswerLog(Database):
    """Answers by name."""

    def begin(self, name: str, request: Mapping[str, Any]) -> AnswerRecord:
        """The answer of that name, entered now if there is none.

        Raises LedgerError where it is an answer to another request.
        """
        check_name(name)
        row = {"name": name, "request": dict(request), "tokens": [], "finished": False, "changed": datetime.now(UTC)}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(answers).values(row))
        except IntegrityError:
            pass  # it is there
        record = self.find(name)
        if record is None or record.request != request:
            raise LedgerError(f"the answer {name!r} was begun for another request; choose another name")
        return record

    def find(self, name: str) -> AnswerRecord | None:
        """The answer of that name."""
        with self._engine.connect() as connection:
            row = connection.execute(select(answers).where(answers.c.name == name)).mappings().first()
        return AnswerRecord(**row) if row else None

    def save(self, name: str, tokens: Sequence[Sequence[int]], *, finished: bool) -> None:
        """Record how far an answer is. Raises LedgerError where there is none of that name."""
        values = {"tokens": [list(row) for row in tokens], "finished": finished, "changed": datetime.now(UTC)}
        with self._engine.begin() as connection:
            if connection.execute(update(answers).where(answers.c.name == name).values(values)).rowcount != 1:
                raise LedgerError(f"there is no answer {name!r}")

    def recent(self, limit: int = 20) -> tuple[AnswerRecord, ...]:
        """The latest answers, newest first."""
        query = select(answers).order_by(answers.c.changed.desc()).limit(limit)
        with self._engine.connect() as connection:
            return tuple(AnswerRecord(**row) for row in connection.execute(query).mappings())

    def forget(self, name: str) -> None:
        """Remove an answer, if there is one of that name."""
        with self._engine.begin() as connection:
            connection.execute(delete(answers).where(answers.c.name == name))
