"""`make serve`, for real: everything comes up, is refused a second time, mends itself, and ends without a trace."""

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
from tests.support.prefect_server import ROOT, until
from tests.support.served import Served, environment, free_port, served

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("serve") / "home") as serving:
        yield serving


def again(home: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deployments.serve", *options]
    return subprocess.run(
        command, cwd=ROOT, env=environment(home), timeout=60, check=False, capture_output=True, text=True
    )


def test_the_user_interface_and_the_api_answer(serving: Served) -> None:
    with urllib.request.urlopen(serving.told["ui"], timeout=20) as page:
        assert b"<title>Prefect" in page.read()
    with urllib.request.urlopen(f"{serving.told['api']}/healthz", timeout=20) as answer:
        assert answer.status == 200


def test_a_deployment_runs_from_its_form_to_its_report(serving: Served) -> None:
    serving.api.create_run("health", {})
    run = until(lambda: _ended(serving, "health"), 120, "the health report is written")
    assert run["state_type"] == "COMPLETED", run["state"]
    assert run["deployment_version"].startswith("0.")
    with Ledger(serving.settings.ledger) as ledger:
        (line,) = ledger.runs("health")
    assert (line.state, line.figures["flow_run"]) == ("completed", run["id"])
    assert line.figures["deployment_version"] == run["deployment_version"]
    assert (serving.home / "reports" / "health.html").exists()


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


def test_told_to_end_it_ends_everything_and_cancels_what_runs(tmp_path: Path) -> None:
    with served(tmp_path / "home", "--no-api", "--grace", "0") as serving:
        serving.api.create_run("mesh", {"members": 3, "kill": 0, "seed": 1})
        until(lambda: _under_way(serving), 120, "a sweep is under way")
        family = serving.family()
        assert serving.stop() == 0
        _, alive = psutil.wait_procs(family, timeout=20)
        assert alive == []
        with Ledger(serving.settings.ledger) as ledger:
            assert ledger.under_way() == ()
            (line,) = ledger.runs("mesh")
        assert line.state in {"cancelled", "completed"}


def test_killed_itself_it_leaves_no_process(tmp_path: Path) -> None:
    with served(tmp_path / "home", "--no-api") as serving:
        serving.api.create_run("mesh", {"members": 3, "kill": 0})
        until(lambda: _under_way(serving), 120, "a sweep is under way")
        family = serving.family()
        assert len(family) > 5  # itself, server, worker, the run, its members
        os.kill(serving.process.pid, signal.SIGKILL)
        _, alive = psutil.wait_procs(family, timeout=90)
        assert [each.cmdline() for each in alive] == []


def _ended(serving: Served, name: str) -> dict | None:
    runs = serving.api.runs_of(name)
    return runs[-1] if runs and runs[-1]["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"} else None


def _under_way(serving: Served) -> bool:
    with Ledger(serving.settings.ledger) as ledger:
        return bool(ledger.under_way())


def _other(serving: Served, part: str, pid: int) -> psutil.Process | None:
    try:
        found = serving.part(part)
    except LookupError:
        return None
    return found if found.pid != pid else None


@pytest.mark.parametrize("how", ["cancelled", "killed"])
def test_a_run_that_is_ended_from_outside_leaves_no_process(serving: Served, how: str) -> None:
    serving.api.create_run("mesh", {"members": 3, "kill": 0})
    run = until(lambda: _striking(serving), 120, "the members of a sweep run")
    members = [each for each in serving.run_processes(run["id"]) if "node" in each.cmdline()]
    if how == "cancelled":
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        serving.api.post(f"/flow_runs/{run['id']}/set_state", cancelling)
    else:
        engine = next(each for each in serving.run_processes(run["id"]) if "node" not in each.cmdline())
        engine.kill()
    _, alive = psutil.wait_procs(members, timeout=60)
    assert alive == []
    ended = until(lambda: _ended(serving, "mesh"), 120, "it is told how it ended")
    assert ended["id"] == run["id"]
    assert ended["state_type"] == {"cancelled": "CANCELLED", "killed": "CRASHED"}[how]

    def line() -> str | None:
        with Ledger(serving.settings.ledger) as ledger:
            found = [each for each in ledger.runs("mesh") if each.figures["flow_run"] == run["id"]]
        return found[0].state if found and found[0].state != "running" else None

    assert until(line, 60, "its line ends") == {"cancelled": "cancelled", "killed": "crashed"}[how]

    def told() -> bool:
        with IncidentLog(serving.settings.ledger) as log:
            return run["id"] in {each.figures.get("run") for each in log.recent("mesh")}

    if how == "killed":
        until(told, 60, "an incident tells of it")
    else:
        assert not told()


def test_the_workers_of_a_process_pool_end_with_a_run_that_is_killed(serving: Served) -> None:
    """They wait for work that never comes: nothing of theirs tells them that nobody is left to give it."""
    serving.api.create_run("migration", {})
    pool = until(lambda: _pool(serving), 180, "the pool of a migration runs")
    engine = next(each for each in pool[0].parents() if "prefect.engine" in " ".join(each.cmdline()))
    engine.kill()
    _, alive = psutil.wait_procs(pool, timeout=90)
    assert alive == []


def _striking(serving: Served) -> dict | None:
    runs = serving.api.runs_of("mesh")
    if not runs or runs[-1]["state_type"] != "RUNNING":
        return None
    nodes = [each for each in serving.run_processes(runs[-1]["id"]) if "node" in each.cmdline()]
    return runs[-1] if len(nodes) == 3 and _under_way(serving) else None


def _pool(serving: Served) -> list[psutil.Process] | None:
    runs = serving.api.runs_of("migration")
    if not runs:
        return None
    found = [each for each in serving.run_processes(runs[-1]["id"]) if "--multiprocessing-fork" in each.cmdline()]
    return found or None
