"""Runs that fail, as incidents."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.store import IncidentLog, within_run
from strata.triage import Desk, record_completed_run, record_failed_run


@pytest.fixture
def log(tmp_path: Path) -> Iterator[IncidentLog]:
    with IncidentLog(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as log:
        yield log


def fails(log: IncidentLog, run: str, pipeline: str = "migration", ending="failed", reason: str = "no disk") -> int:
    return record_failed_run(log, pipeline, ending, run=run, reason=reason, url=f"http://127.0.0.1/{run}")


def test_a_run_that_fails_is_written_down_once(log: IncidentLog) -> None:
    assert fails(log, "one") == fails(log, "one") == fails(log, "one", ending="crashed")
    (incident,) = log.recent()
    assert (incident.pipeline, incident.kind, incident.subject) == ("migration", "flow run failed", "migration")
    assert (incident.detail, incident.figures) == ("no disk", {"run": "one", "url": "http://127.0.0.1/one"})


def test_runs_of_a_pipeline_are_one_case_until_one_completes(log: IncidentLog) -> None:
    numbers = [fails(log, "one"), fails(log, "two"), fails(log, "three", ending="crashed"), fails(log, "four", "mesh")]
    with Desk(_url(log)) as desk:
        assert {case.id: case.count for case in desk.cases()} == {numbers[0]: 2, numbers[2]: 1, numbers[3]: 1}
        assert record_completed_run(log, "migration", run="five") == 3
        assert [case.id for case in desk.cases("unresolved")] == [numbers[3]]
        assert desk.case(numbers[0]).response == "a later run completed: five"
    assert record_completed_run(log, "migration", run="six") == 0


def test_a_run_is_explained_by_what_happened_in_it(log: IncidentLog) -> None:
    with within_run("one"):
        stage = log.begin(pipeline="inference", kind="stage failed", subject="node-3", detail="gone")
    log.begin(pipeline="inference", kind="stage failed", subject="node-4", detail="gone")
    failed = fails(log, "one", "inference")
    with Desk(_url(log)) as desk:
        assert desk.case(failed).cause == stage
        assert desk.case(stage).effects == (failed,)


def test_a_reason_is_not_longer_than_anybody_reads(log: IncidentLog) -> None:
    fails(log, "one", reason="x" * 10_000)
    assert len(log.recent()[0].detail) == 2000


def _url(log: IncidentLog) -> str:
    return str(log._engine.url)
