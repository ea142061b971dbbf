"""Incidents: begun, ended once, and found again."""

from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
from sqlalchemy import create_engine, inspect, text

from strata.store import AnswerLog, IncidentLog, Ledger, LedgerError, schema


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


def _make_version_1(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.finish_run(ledger.start_run("inference", "1"), "completed", {})
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in ("DROP TABLE incidents", "DROP TABLE answers", "UPDATE ledger_version SET version = 1"):
            connection.execute(text(statement))
    engine.dispose()


def _version_and_tables(url: str) -> tuple[int | None, set[str]]:
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        version = connection.execute(text("SELECT version FROM ledger_version")).scalar() if tables else None
    engine.dispose()
    return version, tables


def test_a_ledger_of_version_1_gets_the_new_tables_and_keeps_what_it_has(any_url: str) -> None:
    _make_version_1(any_url)
    with IncidentLog(any_url) as log, AnswerLog(any_url) as answers, Ledger(any_url) as ledger:
        _begin(log)
        answers.begin("a", {})
        assert len(log.recent()) == len(ledger.runs()) == 1
    assert _version_and_tables(any_url)[0] == 2


def test_many_who_open_a_ledger_of_version_1_at_once_can_all_use_it(any_url: str) -> None:
    _make_version_1(any_url)

    def use(index: int) -> None:
        with IncidentLog(any_url) as log:
            _begin(log, f"node-{index}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, range(8)))
    with IncidentLog(any_url) as log:
        assert {incident.subject for incident in log.recent()} == {f"node-{index}" for index in range(8)}


@pytest.mark.parametrize("old", [False, True], ids=["new", "version 1"])
def test_what_is_cut_off_before_the_version_is_written_leaves_nothing_behind(
    any_url: str, old: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if old:
        _make_version_1(any_url)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "update" if old else "insert", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            IncidentLog(any_url)
    left = {"ledger_version", "runs", "pointers", "moves"} if old else set()
    assert _version_and_tables(any_url) == (1 if old else None, left)
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
