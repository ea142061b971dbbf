"""Flows that fail, crash and complete, with the hooks of triage: what the ledger has of them."""

from pathlib import Path

import pytest
from prefect import flow
from prefect.states import Completed, Crashed

from strata.settings import Settings
from strata.store import IncidentLog
from strata.triage import Desk
from tasks.record import recorded
from tasks.triage_hooks import run_completed, run_crashed, run_failed

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


@flow(name="migration", on_failure=[run_failed], on_crashed=[run_crashed], on_completion=[run_completed])
def run(ending: str):
    with recorded("migration", Settings()):
        if ending == "failed":
            with IncidentLog(Settings().ledger) as log:
                log.begin(pipeline="inference", kind="stage failed", subject="node-3", detail="gone")
            raise ValueError("no disk is left")
    states = {"crashed": Crashed(message="its process is gone"), "skipped": Completed(name="Skipped")}
    return states.get(ending)


def test_a_run_that_fails_is_a_case_until_one_completes(settings: Settings) -> None:
    ended = run("failed", return_state=True)
    run("skipped", return_state=True)
    with Desk(settings.ledger) as desk, IncidentLog(settings.ledger) as log:
        (failed, stage) = desk.cases()
        assert (failed.pipeline, failed.kind, failed.state) == ("migration", "flow run failed", "open")
        assert "no disk is left" in failed.detail
        assert failed.cause == stage.id, "it names the run in which it happened"
        figures = log.find(failed.id).figures
        assert figures["run"] == str(ended.state_details.flow_run_id)
        assert figures["url"].endswith(f"/runs/flow-run/{figures['run']}")
        run("crashed", return_state=True)
        (crashed, *_) = desk.cases()
        assert (crashed.kind, crashed.detail) == ("flow run crashed", "its process is gone")
        run("well")
        assert [case.kind for case in desk.cases("unresolved")] == ["stage failed"]
        assert desk.case(failed.id).response.startswith("a later run completed: ")
