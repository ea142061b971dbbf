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


@pytest.fixture
def log(run):
    with IncidentLog(Settings().ledger) as log:
        yield log


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


def test_what_comes_again_is_one_case_and_the_log_has_each(run, log) -> None:
    log.begin(pipeline="mesh", kind="link lost", subject="node-2", detail="silence again")
    newest, *_, count = run().splitlines()
    assert "mesh: link lost: node-2: silence again (open, 2 times)" in newest
    assert count == "2 incidents"
    assert run("--raw").splitlines()[-1] == "3 incidents"
    assert "cases" not in json.loads(run("--raw", "--json"))


def test_machines_get_the_cases_too(run) -> None:
    (case,) = json.loads(run("--json", "--state", "open"))["cases"]
    assert (case["id"], case["severity"], case["state"], case["ended"]) == (2, "medium", "open", None)
    assert json.loads(run("--json", "--severity", "high"))["cases"] == []


def test_one_is_shown_with_what_to_do(run, log) -> None:
    dead = log.begin(pipeline="mesh", kind="dead member", subject="node-1", detail="nobody reaches it")
    shown = run("show", "1")
    assert f"because of {dead}: strata incidents show {dead}" in shown
    assert "by itself: Its layers are moved" in shown
    assert "to do: Look at the node's own log" in shown
    assert "which explains 1" in run("show", str(dead))
    assert json.loads(run("show", str(dead), "--json"))["effects"] == [1]


def test_a_person_takes_it_up_and_resolves_it(run, log) -> None:
    assert "acknowledged by Ada: looking" in run("acknowledge", "2", "--reason", "looking", "--by", "Ada")
    assert "(acknowledged)" in run().splitlines()[0]
    said = json.loads(run("resolve", "2", "--reason", "a new cable", "--by", "Ada", "--json"))
    assert (said["state"], [each["state"] for each in said["decisions"]]) == ("resolved", ["acknowledged", "resolved"])
    assert "(resolved, resolved by Ada: a new cable)" in run().splitlines()[0]
    assert log.find(2).state == "resolved"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("resolve", "1", "--reason", "x", "--by", "Ada"), "case 1 is resolved already"),
        (("show", "99"), "there is no case 99"),
        (("--raw", "--state", "open"), "leave --raw, or these, out"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(run, capsys: pytest.CaptureFixture[str], arguments, said) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["incidents", *arguments])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_a_rule_that_is_wrong_is_named(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "rules.toml").write_text('[[case]]\npipeline = "mesh"\nkind = "link lost"\n')
    monkeypatch.setenv("STRATA_TRIAGE_RULES", str(tmp_path / "rules.toml"))
    with pytest.raises(SystemExit) as stopped:
        main(["incidents"])
    assert stopped.value.code == 2
    assert "case 1 (mesh: link lost): severity" in capsys.readouterr().err
