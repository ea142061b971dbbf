"""Incidents: begun, ended once, and found again."""

import sqlite3

import pytest

from strata.store import AnswerLog, IncidentLog, Ledger, LedgerError


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


def test_a_ledger_of_version_1_gets_the_new_tables_and_keeps_what_it_has(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.finish_run(ledger.start_run("inference", "1"), "completed", {})
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        for statement in ("DROP TABLE incidents", "DROP TABLE answers", "UPDATE ledger_version SET version = 1"):
            connection.execute(statement)
    connection.close()
    with IncidentLog(url) as log, AnswerLog(url) as answers, Ledger(url) as ledger:
        _begin(log)
        answers.begin("a", {})
        assert len(log.recent()) == len(ledger.runs()) == 1
