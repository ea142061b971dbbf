"""The family of a model for a report, out of what the ledger knows."""

from collections.abc import Iterable, Sequence

from strata.evolution.lineage import tainted
from strata.evolution.report.contents import Relative, Role
from strata.store import Change, ModelRecord


def relatives(
    records: Iterable[ModelRecord], history: Sequence[Change], candidate: str | None = None
) -> tuple[Relative, ...]:
    """A relative of each record, in their order; its role by the history of champions (the latest change first)."""
    known = roles_of(history)
    if candidate is not None:
        known.setdefault(candidate, "candidate")
    return tuple(
        Relative(record.digest, record.name, record.generation, tuple(record.parents), known.get(record.digest, ""))
        for record in records
    )


def roles_of(history: Sequence[Change]) -> dict[str, Role]:
    """What those are who are or were champion, by digest."""
    found: dict[str, Role] = {change.digest: "former champion" for change in history}
    for digest in tainted(history):
        found[digest] = "rolled back"
    if history:
        found[history[0].digest] = "champion"
    return found
