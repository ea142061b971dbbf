"""Incidents: begun, ended once, and found again."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from sqlalchemy import create_engine, inspect, text

from strata.store import AnswerLog, GenerationLog, IncidentLog, Ledger, LedgerError, MigrationLog, schema


def _begin(log: IncidentLog, subject: str = "node-3", pipeline: str = "inference") -> int:
    return log.begin(pipeline=pipeline, kind="stage failed", subject=subject, detail="its link ended", figures={"a": 1})


def test_an_incident_is_resolved_once_and_keeps_its_figures(any_url: str) -> None:
    with IncidentLog(any_url) as log:
        key = _begin(log)
        log.resolve(key, "moved to node-5", {"seconds": 0.5})
        (incident,) = log.recent()
        assert (incident.state, incident.response) == ("resolved", "moved to node-5")
        assert incident.figures == {"a": 1, "seconds": 0.5}
        assert incident.ended is not None
        assert incident.ended >= incident.started
        for end in (log.resolve, log.abandon):
            with pytest.raises(LedgerError, match="is not open"):
                end(key, "again")
        assert log.recent() == (incident,)


def test_the_newest_come_first_and_pipelines_are_told_apart(any_url: str) -> None:
    with IncidentLog(any_url) as log:
        for subject in ("one", "two", "three"):
            _begin(log, subject)
        log.abandon(_begin(log, "mesh link", "mesh"), "nothing helped")
        assert [incident.subject for incident in log.recent("inference", limit=2)] == ["three", "two"]
        (other,) = log.recent("mesh")
        assert other.state == "abandoned"
        assert [incident.subject for incident in log.open_ones("inference")] == ["one", "two", "three"]
        assert [incident.subject for incident in log.open_ones("inference", "stage failed", "two")] == ["two"]
        assert log.open_ones("mesh") == log.open_ones("inference", "link lost") == ()


ADDED = {
    2: ("incidents", "answers"),
    3: ("generations", "models", "approvals", "changes"),
    4: ("migrations", "migration_steps", "migration_files"),
    5: ("tokens", "case_decisions", "case_notices", "memory_samples", "rollouts", "rollout_samples"),
}


def _make_version(old: int, url: str) -> set[str]:
    """A ledger as an older release left it, with one run; returns its tables."""
    with Ledger(url) as ledger:
        ledger.finish_run(ledger.start_run("inference", "1"), "completed", {})
    engine = create_engine(url)
    with engine.begin() as connection:
        for table in (table for version, tables in ADDED.items() if version > old for table in tables):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text(f"UPDATE ledger_version SET version = {old}"))
        tables = set(inspect(connection).get_table_names())
    engine.dispose()
    return tables


def _version_and_tables(url: str) -> tuple[int | None, set[str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        version = connection.execute(text("SELECT version FROM ledger_version")).scalar() if tables else None
    engine.dispose()
    return version, tables


@pytest.mark.parametrize("old", [1, 2, 3, 4])
def test_an_older_ledger_gets_the_new_tables_and_keeps_what_it_has(any_url: str, old: int) -> None:
    _make_version(old, any_url)
    with IncidentLog(any_url) as log, AnswerLog(any_url) as answers, Ledger(any_url) as ledger:
        _begin(log)
        answers.begin("a", {})
        assert len(log.recent()) == len(ledger.runs()) == 1
    with GenerationLog(any_url) as generations:
        assert generations.begin(None) == 1
    with MigrationLog(any_url) as migrations:
        assert migrations.begin("/tree", "absolute").id == 1
    version, tables = _version_and_tables(any_url)
    assert (version, set().union(*ADDED.values()) <= tables) == (5, True)


@pytest.mark.parametrize("old", [1, 2, 3, 4])
def test_many_who_open_an_older_ledger_at_once_can_all_use_it(any_url: str, old: int) -> None:
    _make_version(old, any_url)

    def use(index: int) -> None:
        with IncidentLog(any_url) as log:
            _begin(log, f"node-{index}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    with IncidentLog(any_url) as log:
        assert {incident.subject for incident in log.recent()} == {f"node-{index}" for index in range(8)}


@pytest.mark.parametrize("old", [None, 1, 2], ids=["new", "version 1", "version 2"])
def test_what_is_cut_off_before_the_version_is_written_leaves_nothing_behind(
    any_url: str, old: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = _make_version(old, any_url) if old else set()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "update" if old else "insert", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            IncidentLog(any_url)
    assert _version_and_tables(any_url) == (old, left)
    with IncidentLog(any_url) as log:
        _begin(log)
        assert len(log.recent()) == 1


def test_of_many_threads_one_ends_an_incident(any_url: str) -> None:
    with IncidentLog(any_url) as log:
        key = _begin(log)

        def end(index: int) -> bool:
            try:
                log.resolve(key, f"by {index}", {"by": index})
            except LedgerError:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(end, range(8)))
        assert sum(won) == 1
        (incident,) = log.recent()
        assert (incident.response, incident.figures) == (f"by {won.index(True)}", {"a": 1, "by": won.index(True)})
