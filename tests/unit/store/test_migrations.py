"""Migrations of trees: one is open for a tree at a time, and steps keep their order, their files and their ends."""

from dataclasses import replace

import pytest

from strata.store import InvalidName, LedgerError, MigrationFile, MigrationLog, MigrationStep

A, B, C = (letter * 64 for letter in "abc")


def test_a_tree_has_one_open_migration(any_url: str) -> None:
    with MigrationLog(any_url) as log:
        first = log.begin("/here", "absolute", A)
        with pytest.raises(LedgerError, match="of /here is open already"):
            log.begin("/here", "absolute")
        other = log.begin("/there", "absolute")
        log.finish(first.id, "finished", {"files": 3})
        second = log.begin("/here", "relative_preferred")
        assert [each.id for each in log.of_tree("/here")] == [second.id, first.id]
        assert [each.id for each in log.of_tree("/there")] == [other.id]
        found = log.get(first.id)
        assert (found.state, found.figures, found.plan, found.tree) == ("finished", {"files": 3}, A, "/here")
        assert found.started <= found.finished
        for call in (lambda: log.get(99), lambda: log.finish(99, "finished", {})):
            with pytest.raises(LedgerError, match="no migration 99"):
                call()
        with pytest.raises(InvalidName):
            log.begin("/elsewhere", "absolute", "../x")


def test_steps_keep_their_order_and_their_files(any_url: str) -> None:
    with MigrationLog(any_url) as log:
        migration, other = log.begin("/here", "absolute").id, log.begin("/there", "absolute").id
        files = (MigrationFile("p/a.py", A, B, 0o755), MigrationFile("q/r/b.py", None, C, 0o644, ("q", "q/r")))
        steps = [MigrationStep(f"step {i}", "why", "applying", files[: i % 3], pack=B) for i in range(50)]
        steps.append(MigrationStep("no", "why", "refused", (), "dirty", "it is dirty"))
        log.enter(other, steps[:2])
        entered = log.enter(migration, steps)
        assert log.enter(migration, []) == ()
        assert [replace(step, id=0) for step in entered] == steps
        assert entered[1].pack == B
        assert len({step.id for step in entered}) == 51
        assert log.steps(migration) == entered
        applied = [replace(step, state="applied") for step in entered[:50:2]]
        log.settle(applied)
        log.settle([])
        assert log.steps(migration, ["applied"]) == tuple(applied)
        assert [step.name for step in log.steps(migration, ["refused"])] == ["no"]
        assert len(log.steps(migration, ["applying", "applied"])) == 50
        assert [step.state for step in log.steps(other)] == ["applying"] * 2
