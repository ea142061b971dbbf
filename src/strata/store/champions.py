"""The champion: a pointer, and why it stands where it stands and stood where it stood before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, insert, select

from strata.store.approvals import decide
from strata.store.database import Database
from strata.store.incidents import end_incident
from strata.store.names import check_digest
from strata.store.swapping import Pointer, standing, swapping
from strata.store.tables import changes, moves

CHAMPION = "evolution.champion"
# regression: away from a champion that became, or was found, worse; rollback: away from one for another reason
ChangeKind = Literal["promotion", "regression", "rollback"]


@dataclass(frozen=True)
class Explanation:
    """What goes into the ledger in one transaction with a move.

    judgement: blob of what the gate said; approval: (id, by whom) of the question that it decides; incident: (id, what
    was done) of the open incident that it ends.
    """

    kind: ChangeKind
    reason: str
    generation: int | None = None
    judgement: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    approval: tuple[int, str] | None = None
    incident: tuple[int, str] | None = None


@dataclass(frozen=True)
class Change:
    """A move of the champion's pointer from `previous` to `digest`; generation: of the new champion's promotion."""

    revision: int
    digest: str
    previous: str | None
    moved: datetime
    reason: str
    kind: ChangeKind
    generation: int | None
    judgement: str | None
    figures: Mapping[str, Any]


class ChampionLog(Database):
    """The champion's pointer and its history."""

    def standing(self) -> Pointer | None:
        """Where the pointer stands; None where there was never a champion."""
        with self._engine.connect() as connection:
            return standing(connection, CHAMPION)

    def move(self, digest: str, *, expected: str | None, why: Explanation) -> Pointer:
        """Make `digest` the champion if the champion is `expected` (None: there is none), all of `why` with it.

        Raises PointerMoved, and LedgerError where the approval is not pending or the incident not open; changes nothing
        then.
        """
        row = {"name": CHAMPION, "kind": why.kind, "generation": why.generation, "figures": dict(why.figures)}
        row["judgement"] = why.judgement and check_digest(why.judgement)
        with swapping(self._engine, CHAMPION, digest, expected=expected, reason=why.reason) as (connection, pointer):
            connection.execute(insert(changes).values(row | {"revision": pointer.revision}))
            if why.approval is not None:
                decide(connection, why.approval[0], "approved", why.approval[1], why.reason)
            if why.incident is not None:
                end_incident(connection, why.incident[0], "resolved", why.incident[1], why.figures)
        return pointer

    def history(self) -> tuple[Change, ...]:
        """Every change, the latest first."""
        both = and_(moves.c.name == changes.c.name, moves.c.revision == changes.c.revision)
        columns = (moves.c.revision, moves.c.digest, moves.c.previous, moves.c.moved, moves.c.reason)
        query = select(*columns, changes.c.kind, changes.c.generation, changes.c.judgement, changes.c.figures)
        mine = query.join(changes, both).where(moves.c.name == CHAMPION).order_by(moves.c.revision.desc())
        with self._engine.connect() as connection:
            return tuple(Change(**row) for row in connection.execute(mine).mappings())
