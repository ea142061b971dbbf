"""Approvals: candidates that a person is to decide on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.names import check_digest
from strata.store.tables import approvals

ApprovalState = Literal["pending", "approved", "rejected"]


@dataclass(frozen=True)
class Approval:
    """candidate: who may become champion; champion: whom it was judged against; judgement: what the gate said."""

    id: int
    generation: int | None
    candidate: str
    champion: str | None
    judgement: Mapping[str, Any]
    state: ApprovalState
    proposed: datetime
    decided: datetime | None
    decided_by: str
    reason: str


class Approvals(Database):
    """Candidates proposed, and what was decided about each."""

    def propose(
        self, candidate: str, champion: str | None, judgement: Mapping[str, Any], generation: int | None = None
    ) -> int:
        """Ask for a decision; returns its id, the same one while the same question is pending."""
        asked = {"candidate": check_digest(candidate), "champion": champion and check_digest(champion)}
        for approval in self.pending():
            if (approval.candidate, approval.champion) == (candidate, champion):
                return approval.id
        row: dict[str, Any] = {**asked, "generation": generation, "judgement": dict(judgement), "state": "pending"}
        row |= {"proposed": datetime.now(UTC), "decided_by": "", "reason": ""}
        with self._engine.begin() as connection:
            key = connection.execute(insert(approvals).values(row)).inserted_primary_key
        assert key is not None
        return int(key[0])

    def reject(self, approval_id: int, by: str, reason: str) -> None:
        """Decide against it. Raises LedgerError unless it is pending."""
        with self._engine.begin() as connection:
            decide(connection, approval_id, "rejected", by, reason)

    def get(self, approval_id: int) -> Approval:
        """The question of that id, pending or decided. Raises LedgerError where there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(select(approvals).where(approvals.c.id == approval_id)).mappings().first()
        if row is None:
            raise LedgerError(f"there is no approval {approval_id}")
        return Approval(**row)

    def pending(self) -> tuple[Approval, ...]:
        """What nobody has decided yet, the oldest first."""
        query = select(approvals).where(approvals.c.state == "pending").order_by(approvals.c.id)
        with self._engine.connect() as connection:
            return tuple(Approval(**row) for row in connection.execute(query).mappings())


def decide(connection: Connection, approval_id: int, state: ApprovalState, by: str, reason: str) -> None:
    """Record a decision as part of a transaction. Raises LedgerError unless it is pending."""
    mine = (approvals.c.id == approval_id, approvals.c.state == "pending")
    values = {"state": state, "decided": datetime.now(UTC), "decided_by": by, "reason": reason}
    if connection.execute(update(approvals).where(*mine).values(values)).rowcount == 1:
        return
    found = connection.execute(select(approvals.c.state).where(approvals.c.id == approval_id)).scalar()
    raise LedgerError(f"approval {approval_id} is {found} already" if found else f"there is no approval {approval_id}")
