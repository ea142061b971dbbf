"""Server, worker, API and runs killed at seeded random moments: nothing is lost, nothing is left behind.

Everything is up as `make serve` has it. Small runs are started all the while, and something is killed (SIGKILL) at a
moment that the seed chooses, again and again. Then it is left alone: every run that was started ends, or is told failed
or crashed with an incident; no line of the ledger goes on for ever; no process is left that belongs to no run.
"""

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from strata.store import Incident, IncidentLog, Ledger, Run
from tests.support.prefect_server import ENDED, until
from tests.support.served import Served, command, served

pytestmark = pytest.mark.timeout(600)

SEED = 20261127
PARTS = {"server", "worker", "api"}
VICTIMS = [each for each in ("run", "worker", "server", "api", "run", "worker", "run") if each in PARTS | {"run"}]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "home") as serving:
        yield serving


def test_whatever_is_killed_nothing_is_lost(serving: Served) -> None:
    chance = random.Random(SEED)
    for victim in VICTIMS:
        serving.api.create_run("health", {})
        serving.api.create_run("mesh", {"members": 3, "kill": 0, "seed": chance.randrange(100)})
        time.sleep(chance.uniform(0.0, 8.0))  # the moment is the point: starting, sweeping, ending
        _kill(serving, victim, chance)

    assert len(serving.api.runs_of("mesh")) == len(serving.api.runs_of("health")) == len(VICTIMS)

    def all_over() -> bool:
        return all(run["state_type"] in ENDED for run in _runs(serving))

    until(all_over, 240, f"every run ends: {_states(serving)}, see {serving.home.parent}")
    until(lambda: not _lines_under_way(serving), 60, "every line of the ledger ends")
    runs = _runs(serving)
    unlucky = {run["id"] for run in runs if run["state_type"] in {"FAILED", "CRASHED"}}
    assert unlucky, "no run was struck"
    until(lambda: unlucky <= {each.figures.get("run") for each in _incidents(serving)}, 120, "each has an incident")
    _agree(serving, runs)
    assert {each.subject for each in _incidents(serving) if each.pipeline == "operations"} == PARTS

    left = until(lambda: _strangers(serving) == [], 60, "processes of runs end with them")
    assert left
    family = serving.family()
    assert serving.stop() == 0
    _, alive = psutil.wait_procs(family, timeout=20)
    assert [command(each) for each in alive] == []


def _kill(serving: Served, victim: str, chance: random.Random) -> None:
    if victim == "run":
        runs = until(lambda: _run_processes(serving), 120, "a run has begun")
        with suppress(psutil.Error):  # it may just have ended
            chance.choice(runs).kill()
        return
    until(lambda: _is_there(serving, victim), 120, f"the {victim} is up")
    serving.part(victim).kill()


def _is_there(serving: Served, part: str) -> bool:
    with suppress(LookupError):
        return bool(serving.part(part))
    return False


def _run_processes(serving: Served) -> list[psutil.Process]:
    """The engines of runs."""
    found = []
    for process in serving.family():
        with suppress(psutil.Error):
            if "prefect.engine" in process.cmdline() or "prefect.flow_engine" in process.cmdline():
                found.append(process)
    return sorted(found, key=lambda process: process.pid)


def _strangers(serving: Served) -> list[list[str]]:
    """Processes of runs, of which none is under way: they belong to nobody."""
    found = []
    for process in serving.family():
        with suppress(psutil.Error):
            if "PREFECT__FLOW_RUN_ID" in process.environ():
                found.append(command(process))
    return found


def _runs(serving: Served) -> list[dict]:
    """Those that were started here, and those of the triage that incidents start."""
    return [run for name in ("mesh", "health", "triage") for run in serving.api.runs_of(name)]


def _states(serving: Served) -> dict[str, str]:
    return {run["name"]: run["state_name"] for run in _runs(serving)}


def _incidents(serving: Served) -> tuple[Incident, ...]:
    with IncidentLog(serving.settings.ledger) as log:
        return log.recent(limit=200)


def _lines_under_way(serving: Served) -> tuple[Run, ...]:
    with Ledger(serving.settings.ledger) as ledger:
        return ledger.under_way()


def _agree(serving: Served, runs: list[dict]) -> None:
    """The ledger says of each run what Prefect says of it, where a run came so far as to have a line."""
    says = {
        "completed": {"COMPLETED"},
        "skipped": {"COMPLETED"},
        "failed": {"FAILED"},
        "crashed": {"CRASHED"},
        "cancelled": {"CANCELLED"},
    }
    by_id = {run["id"]: run["state_type"] for run in runs}
    with Ledger(serving.settings.ledger) as ledger:
        lines = ledger.runs(limit=200)
    wrong = [
        (line.id, line.state, by_id[line.figures["flow_run"]])
        for line in lines
        if line.figures.get("flow_run") in by_id and by_id[line.figures["flow_run"]] not in says[line.state]
    ]
    assert wrong == []
