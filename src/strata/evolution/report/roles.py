"""The family of a model for a report, out of what the ledger knows."""

from collections.abc import Iterable, Sequence

from strata.evolution.lineage import tainted
from strata.evolution.report.contents import Relative, Role
from strata.store import Change, ModelRecord


def relatives(
    records: Iterable[ModelRecord], history: Sequence[Change], candidate: str | None = None
) -> tuple[Relative, ...]:
    """A relative of each record, in their order; its role by the history of champions (the latest change first)."""
    roles: dict[str, Role] = {change.digest: "former champion" for change in history}
    for digest in tainted(history):
        roles[digest] = "rolled back"
    if history:
        roles[history[0].digest] = "champion"
    if candidate is not None:
        roles.setdefault(candidate, "candidate")
    return tuple(
        Relative(record.digest, record.name, record.generation, tuple(record.parents), roles.get(record.digest, ""))
        for record in records
    )
