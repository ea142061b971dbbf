"""`strata incidents` on a real ledger."""

import json
from pathlib import Path

import pytest

from strata.cli import main
from strata.settings import Settings
from strata.store import IncidentLog


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    with IncidentLog(Settings().ledger) as log:
        first = log.begin(pipeline="inference", kind="stage failed", subject="node-1", detail="its link ended")
        log.resolve(first, "moved 3 layer(s) from 3 on to node-4", {"seconds": 0.5})
        log.begin(pipeline="mesh", kind="link lost", subject="node-2", detail="silence")

    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            main(["incidents", *arguments])
        assert stopped.value.code == 0
        return capsys.readouterr().out

    return call


def test_the_newest_come_first_with_what_was_done(run) -> None:
    newest, older, count = run().splitlines()
    assert newest.startswith("   2  20")
    assert "mesh: link lost: node-2: silence (open)" in newest
    assert "node-1: its link ended (resolved, moved 3 layer(s) from 3 on to node-4)" in older
    assert count == "2 incidents"


def test_machines_get_one_object(run) -> None:
    (incident,) = json.loads(run("--json", "--pipeline", "inference"))["incidents"]
    assert (incident["subject"], incident["state"], incident["figures"]) == ("node-1", "resolved", {"seconds": 0.5})
    assert len(json.loads(run("--json", "--limit", "1"))["incidents"]) == 1
