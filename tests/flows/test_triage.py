"""The flow that shows cases in Prefect."""

from pathlib import Path

import pytest
from prefect.client.orchestration import get_client

from flows.triage import run
from strata.settings import Settings
from strata.store import IncidentLog, Ledger
from strata.triage import Desk
from tasks.triage import TRIAGE
from tasks.triage_parameters import TriageParameters

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


def table() -> tuple[list[dict], str]:
    import json

    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        (artifact, *_) = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[TRIAGE])), sort="UPDATED_DESC", limit=1
        )
    return json.loads(artifact.data), artifact.description


def test_cases_are_a_table_the_most_severe_first_and_last_what_was_resolved(settings: Settings) -> None:
    with IncidentLog(settings.ledger) as log, Desk(settings.ledger) as desk:
        failed = log.begin(pipeline="inference", kind="stage failed", subject="node-3", detail="its link ended")
        dead = log.begin(pipeline="mesh", kind="dead member", subject="node-3", detail="nobody reaches it")
        over = log.begin(pipeline="mesh", kind="other version", subject="node-4", detail="it runs 1")
        log.resolve(over, "it is not found any more")
        assert run() == 2
        rows, said = table()
        assert [row["case"] for row in rows] == [dead, failed, over]
        assert [row["state"] for row in rows] == ["open", "open", "resolved"]
        assert rows[2]["done by itself"] == "it is not found any more"
        assert rows[0]["severity"] == "high"
        assert rows[0]["to do"].startswith("1. Look whether the machine runs")
        assert rows[1]["because of"] == f"case {dead}"
        assert said.startswith(
            "2 cases are not resolved: 1 high, 1 medium, 0 low, of which 1 are explained by another."
        )
        assert "Resolved in the last 24 hours: 1." in said
        assert run(TriageParameters(resolved_hours=0)) == 2
        assert [row["case"] for row in table()[0]] == [dead, failed]
        assert run(TriageParameters(least="high")) == 1
        for number in (dead, failed):
            desk.resolve(number, "Ada", "a new machine")
        assert run() == 0
        assert table()[1] == "No case is open. Resolved in the last 24 hours: 3."
        assert run(TriageParameters(resolved_hours=0)) == 0
        assert table() == ([{"case": "none"}], "No case is open.")
    with Ledger(settings.ledger) as ledger:
        assert [line.figures["unresolved"] for line in ledger.runs("triage")] == [0, 0, 1, 2, 2]


def test_it_is_switched_off_with_all_pipelines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_ENABLED", "false")
    assert run(return_state=True).name == "Skipped"
