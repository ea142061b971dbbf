"""`make serve`, for real: everything comes up, is refused a second time, mends itself, and ends without a trace.

One serving is shared by all tests of this file, in their order; the last one kills it.
"""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from strata.store import IncidentLog, Ledger
from tests.support.prefect_server import ENDED, ROOT, until
from tests.support.served import Served, command, environment, free_port, served

pytestmark = pytest.mark.timeout(600)

SWEEP = {"members": 3, "kill": 0}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve") / "home") as serving:
        yield serving


def again(home: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "deployments.serve", *options]
    return subprocess.run(
        words, cwd=ROOT, env=environment(home), timeout=60, check=False, capture_output=True, text=True
    )


def test_the_user_interface_answers(serving: Served) -> None:
    with urllib.request.urlopen(serving.told["ui"], timeout=20) as page:
        assert b"<title>Prefect" in page.read()


def test_the_api_answers(serving: Served) -> None:
    with urllib.request.urlopen(f"{serving.told['api']}/healthz", timeout=20) as answer:
        assert answer.status == 200


def test_a_deployment_runs_from_its_form_to_its_report(serving: Served) -> None:
    serving.api.create_run("health", {})
    run = until(lambda: _ended(serving, "health"), 120, "the health report is written")
    assert run["state_type"] == "COMPLETED", run["state"]
    with Ledger(serving.settings.ledger) as ledger:
        (line,) = ledger.runs("health")
    assert (line.state, line.figures["flow_run"]) == ("completed", run["id"])
    assert line.figures["deployment_version"] == run["deployment_version"] != ""
    assert (serving.home / "reports" / "health.html").exists()


def test_a_burst_of_incidents_is_shown_by_a_run_or_two(serving: Served) -> None:
    """Each starts a run, and those that wait for another one are skipped by it."""
    subjects = [f"node-{number}" for number in range(12)]
    with IncidentLog(serving.settings.ledger) as log:
        for subject in subjects:
            log.begin(pipeline="mesh", kind="dead member", subject=subject, detail="nobody reaches it")

    def shown() -> bool:
        table = serving.api.artifact("triage")
        return table is not None and all(f"dead member: {subject}" in table["data"] for subject in subjects)

    def states() -> list[str]:
        return [run["state_name"] for run in serving.api.runs_of("triage")]

    until(shown, 120, "the table has all of them")
    until(lambda: len(states()) >= len(subjects) and {"Completed", "Skipped"} >= set(states()), 120, "all runs end")
    assert states().count("Skipped") > states().count("Completed")


def test_a_home_is_served_once(serving: Served) -> None:
    done = again(serving.home, "--ui-port", str(free_port()), "--no-api")
    assert done.returncode == 1
    assert f"is served already: by process {serving.process.pid}, at {serving.told['ui']}" in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = again(tmp_path / "home", "--ui-port", str(port), "--no-api")
    assert done.returncode == 1
    assert f"port {port} is taken" in done.stderr
    assert "--ui-port" in done.stderr


@pytest.mark.parametrize("part", ["api", "worker"])
def test_a_part_that_is_killed_comes_back_and_leaves_an_incident(serving: Served, part: str) -> None:
    before = serving.part(part)
    before.kill()
    after = until(lambda: _other(serving, part, before.pid), 120, f"the {part} is started again")
    assert after.pid != before.pid

    def told() -> object:
        with IncidentLog(serving.settings.ledger) as log:
            return [each for each in log.recent("operations") if (each.subject, each.state) == (part, "resolved")]

    (incident,) = until(told, 120, "its incident ends")
    assert "it ended with status -9" in incident.detail


@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_a_run_that_is_ended_from_outside_leaves_no_process(serving: Served, how: str) -> None:
    serving.api.create_run("mesh", SWEEP)
    run = until(lambda: _sweeping(serving), 120, "the members of a sweep run")
    processes = serving.run_processes(run["id"])
    if how == "cancelled":
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        serving.api.post(f"/flow_runs/{run['id']}/set_state", cancelling)
    else:
        next(each for each in processes if "node" not in command(each)).kill()
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert [command(each) for each in alive] == []
    until(lambda: _state(serving, run) in ENDED, 120, "it is told how it ended")
    assert _state(serving, run) == {"cancelled": "CANCELLED", "killed": "CRASHED"}[how]
    until(lambda: "running" not in _lines(serving, run), 60, "its line in the ledger ends")
    assert _lines(serving, run) == {how.replace("killed", "crashed")}
    if how == "killed":
        until(lambda: run["id"] in _told(serving), 60, "an incident tells of it")
    else:
        assert run["id"] not in _told(serving)


def test_killed_itself_it_leaves_no_process_and_the_next_one_tells_of_its_runs(serving: Served) -> None:
    serving.api.create_run("mesh", SWEEP)
    run = until(lambda: _sweeping(serving), 120, "the members of a sweep run")
    family = serving.family()
    assert len(family) >= 7  # itself, server, worker, the run, its members
    os.kill(serving.process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=90)
    assert [command(each) for each in alive] == []

    with served(serving.home, "--grace", "0") as anew:
        until(lambda: _state(anew, run) in ENDED, 60, "the run is told how it ended")
        assert _state(anew, run) == "CRASHED"
        assert _lines(anew, run) == {"crashed"}
        assert run["id"] in _told(anew)

        anew.api.create_run("mesh", SWEEP)
        run = until(lambda: _sweeping(anew), 120, "the members of a sweep run")
        family = anew.family()
        assert anew.stop() == 0  # which cancels it, since no grace is given
        _, alive = psutil.wait_procs(family, timeout=20)
        assert [command(each) for each in alive] == []
        assert _lines(anew, run) == {"cancelled"}
        with Ledger(anew.settings.ledger) as ledger:
            assert ledger.under_way() == ()


def _ended(serving: Served, name: str) -> dict | None:
    runs = serving.api.runs_of(name)
    return runs[-1] if runs and runs[-1]["state_type"] in ENDED else None


def _state(serving: Served, run: dict) -> str:
    return serving.api.get(f"/flow_runs/{run['id']}")["state_type"]


def _lines(serving: Served, run: dict) -> set[str]:
    """How the run stands in the ledger."""
    with Ledger(serving.settings.ledger) as ledger:
        return {line.state for line in ledger.runs() if line.figures.get("flow_run") == run["id"]}


def _told(serving: Served) -> set[str]:
    """The runs that incidents are about."""
    with IncidentLog(serving.settings.ledger) as log:
        return {str(each.figures.get("run")) for each in log.recent() if each.kind.startswith("flow run")}


def _sweeping(serving: Served) -> dict | None:
    """The latest sweep, while it is under way and all its members run."""
    runs = serving.api.runs_of("mesh")
    if not runs or runs[-1]["state_type"] != "RUNNING" or "running" not in _lines(serving, runs[-1]):
        return None
    members = [each for each in serving.run_processes(runs[-1]["id"]) if "node" in command(each)]
    return runs[-1] if len(members) == SWEEP["members"] else None


def _other(serving: Served, part: str, pid: int) -> psutil.Process | None:
    try:
        found = serving.part(part)
    except LookupError:
        return None
    return found if found.pid != pid else None
