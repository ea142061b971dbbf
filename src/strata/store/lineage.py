"""Lineage: which models there are, and what each was made of and how."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any

from sqlalchemy import Select, insert, select
from sqlalchemy.exc import IntegrityError

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.names import check_digest
from strata.store.tables import models

_IN_A_QUERY = 500  # SQLite allows some thousands of parameters


@dataclass(frozen=True)
class ModelRecord:
    """recipe, generation, seed: None for a founder, which was not bred; made_with: versions of what merged it."""

    digest: str
    name: str
    generation: int | None
    recipe: str | None
    seed: int | None
    made_with: str
    parents: Sequence[str]
    added: datetime

    @property
    def founder(self) -> bool:
        """Whether it was brought in: its bytes cannot be made again."""
        return self.recipe is None


class Lineage(Database):
    """Models by digest, with their parents."""

    def add(self, record: ModelRecord) -> ModelRecord:
        """Enter a model; returns what is there, which is the older entry if its bytes were known already.

        Raises LedgerError where a parent is not known.
        """
        for digest in (record.digest, *record.parents, *filter(None, [record.recipe])):
            check_digest(digest)
        known = {parent.digest for parent in self.find_all(record.parents)}
        if missing := [parent for parent in record.parents if parent not in known]:
            raise LedgerError(f"model {record.digest} has an unknown parent {missing[0]}; enter that one before")
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(models).values(asdict(record) | {"parents": list(record.parents)}))
        except IntegrityError:
            pass  # it is there
        found = self.find(record.digest)
        assert found is not None
        return found

    def find(self, digest: str) -> ModelRecord | None:
        """The model of that digest."""
        return next(iter(self.find_all([digest])), None)

    def find_all(self, digests: Sequence[str]) -> tuple[ModelRecord, ...]:
        """Those models of the digests that are known, in no particular order."""
        found: list[ModelRecord] = []
        with self._engine.connect() as connection:
            for start in range(0, len(digests), _IN_A_QUERY):
                query = select(models).where(models.c.digest.in_(digests[start : start + _IN_A_QUERY]))
                found += [ModelRecord(**row) for row in connection.execute(query).mappings()]
        return tuple(found)

    def matching(self, text: str, limit: int = 10) -> tuple[ModelRecord, ...]:
        """Models whose name is `text`, or whose digest begins with it."""
        these = (models.c.name == text) | models.c.digest.startswith(text, autoescape=True)
        return self._select(select(models).where(these).order_by(models.c.added, models.c.digest).limit(limit))

    def founders(self) -> tuple[ModelRecord, ...]:
        """Models that were not bred, the oldest first."""
        return self._select(select(models).where(models.c.recipe.is_(None)).order_by(models.c.added, models.c.digest))

    def of_generation(self, generation: int) -> tuple[ModelRecord, ...]:
        """Children bred in one generation, the oldest first."""
        mine = select(models).where(models.c.generation == generation)
        return self._select(mine.order_by(models.c.added, models.c.digest))

    def ancestry(self, digest: str) -> tuple[ModelRecord, ...]:
        """A model and all its ancestors, each before its children. Raises LedgerError for an unknown model."""
        known: dict[str, ModelRecord] = {}
        wanted = [digest]
        while wanted:
            found = self.find_all(wanted)
            if len(found) != len(wanted):
                missing = set(wanted) - {record.digest for record in found}
                raise LedgerError(f"the lineage knows no model {min(missing)}")
            known |= {record.digest: record for record in found}
            wanted = list({parent for record in found for parent in record.parents} - known.keys())
        order = TopologicalSorter({record.digest: record.parents for record in known.values()}).static_order()
        return tuple(known[each] for each in order)

    def _select(self, query: Select[Any]) -> tuple[ModelRecord, ...]:
        with self._engine.connect() as connection:
            return tuple(ModelRecord(**row) for row in connection.execute(query).mappings())
