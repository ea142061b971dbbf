"""The family in a report has the roles that the ledger tells."""

from datetime import UTC, datetime

from strata.evolution.report import relatives
from strata.store import Change, ModelRecord

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_roles_come_from_the_history_of_champions() -> None:
    records = [
        ModelRecord(name * 64, name, None if name == "a" else 1, None, None, "", [] if name == "a" else ["a" * 64], NOW)
        for name in "abcde"
    ]
    moves = [("a", None, "promotion"), ("b", "a", "promotion"), ("c", "b", "promotion"), ("b", "c", "regression")]
    history = [
        Change(revision, new * 64, old and old * 64, NOW, "", kind, 1, None, {})
        for revision, (new, old, kind) in enumerate(moves, start=1)
    ]
    found = relatives(records, history[::-1], candidate="d" * 64)
    assert [(each.name, each.role) for each in found] == [
        ("a", "former champion"),
        ("b", "champion"),
        ("c", "rolled back"),
        ("d", "candidate"),
        ("e", ""),
    ]
    assert (found[0].generation, found[1].parents) == (None, ("a" * 64,))
    assert [each.role for each in relatives(records[:1], ())] == [""]
