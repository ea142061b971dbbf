"""Evaluations: what a model scored on a suite, by domain."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from strata.store.database import Database
from strata.store.names import check_digest
from strata.store.tables import evaluations

Purpose = Literal["search", "gate", "anchor", "watch"]


@dataclass(frozen=True)
class Evaluation:
    """suite: its version; mean: over `items` items; scores: blob of the result of each."""

    model: str
    suite: str
    purpose: Purpose
    domain: str
    items: int
    mean: float
    scores: str
    made: datetime


class EvaluationLog(Database):
    """Results by model, suite, purpose and domain."""

    def record(self, evaluation: Evaluation) -> None:
        """Enter a result; one of the same model, suite, purpose and domain takes the place of the one before."""
        check_digest(evaluation.model)
        check_digest(evaluation.scores)
        row = asdict(evaluation)
        key = {column: row[column] for column in ("model", "suite", "purpose", "domain")}
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(evaluations).values(row))
        except IntegrityError:
            with self._engine.begin() as connection:
                connection.execute(update(evaluations).filter_by(**key).values(row))

    def of(self, model: str, purpose: Purpose | None = None) -> tuple[Evaluation, ...]:
        """The results of a model (for one purpose), the oldest first."""
        query = select(evaluations).where(evaluations.c.model == model).order_by(evaluations.c.id)
        if purpose is not None:
            query = query.where(evaluations.c.purpose == purpose)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(Evaluation(**{name: value for name, value in row.items() if name != "id"}) for row in rows)
