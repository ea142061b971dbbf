"""Evolution as it is deployed: a real server with its triggers, a real worker, and nobody at the keyboard.

One server and one worker serve all tests of this file, so the order of the tests costs nothing.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from strata.evolution.lineage import Championship
from strata.settings import Settings
from strata.store import Approvals, IncidentLog, Store
from tests.support.champions import SHIPPED, plant, spoiled
from tests.support.prefect_server import ENDED, ROOT, Api, prefect_server, process, until

pytestmark = pytest.mark.timeout(600)

NAMES = [
    "evolution",
    "evolution-on-checkpoint",
    "health",
    "inference",
    "mesh",
    "migration",
    "pretraining",
    "rollback",
    "triage",
    "watch",
]


@dataclass(frozen=True)
class Fleet:
    """A server, a worker, the environment of commands, and the settings that flows read."""

    api: Api
    environment: dict[str, str]
    settings: Settings
    log: Path

    def champion(self) -> str:
        with Championship(Store(self.settings.store_root), self.settings.ledger) as championship:
            return championship.standing().digest

    def stopped(self, deployment: str, states: set[str] = ENDED) -> dict:
        """The latest run of a deployment, once it is in one of these states."""

        def latest() -> dict | None:
            runs = self.api.runs_of(deployment)
            return runs[-1] if runs and runs[-1]["state_type"] in states else None

        return until(latest, 300, f"a run of {deployment} stops, see {self.log}")


def bootstrap(environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "deployments.bootstrap"]
    done = subprocess.run(command, cwd=ROOT, env=environment, timeout=300, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    settings = Settings(STRATA_HOME=folder / "home")
    quick = {"STRATA_HOME": str(settings.home), "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with prefect_server(folder / "prefect", **quick) as (api, environment):
        bootstrap(environment)
        log = folder / "worker.log"
        with process(environment, "prefect", "worker", "start", "--pool", "local", log=log):
            yield Fleet(api, environment, settings, log)


def emit(environment: dict[str, str], code: str) -> None:
    """Have a process of its own, such as a trainer is, run the code to its end."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        timeout=300,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_regression_is_found_and_rolled_back_with_nobody_there(fleet: Fleet, tmp_path: Path):
    """A champion is planted that is worse than the one before it; all that is started by hand is the watch."""
    good, bad = plant(fleet.settings, SHIPPED / "coding", spoiled(tmp_path / "spoiled"))
    fleet.api.create_run("watch", {"items": 1000})
    run = fleet.stopped("rollback")
    assert run["state_type"] == "COMPLETED", fleet.log.read_text()
    assert run["created_by"]["type"] == "AUTOMATION"
    assert fleet.champion() == good
    with IncidentLog(fleet.settings.ledger) as log:
        (incident,) = log.recent("evolution")
    assert (incident.kind, incident.subject, incident.state) == ("regression", bad, "resolved")
    assert incident.response == f"rolled back to {good}"


@pytest.mark.parametrize(("decision", "state"), [("approve", "approved"), ("reject", "rejected")])
def test_a_suspended_run_is_answered(fleet: Fleet, decision: str, state: str):
    parameters = {
        "generations": 1,
        "children": 2,
        "search_items": 20,
        "gate_items": 50,
        "workers": 1,
        "gain": 0.2,
        "comparison_items": 20,
    }
    parameters |= {"approval": "always"}
    fleet.api.create_run("evolution", parameters)
    run = fleet.stopped("evolution", {"PAUSED"} | ENDED)
    assert (run["state_type"], run["state_name"]) == ("PAUSED", "Suspended"), fleet.log.read_text()
    with Approvals(fleet.settings.ledger) as approvals:
        (asked,) = approvals.pending()
    before = fleet.champion()
    assert before != asked.candidate

    answer = {"decision": decision, "comment": "looked at it", "name": "Ada"}
    fleet.api.post(f"/flow_runs/{run['id']}/resume", {"run_input": answer})
    run = fleet.stopped("evolution")
    assert run["state_type"] == "COMPLETED", fleet.log.read_text()
    assert fleet.champion() == (asked.candidate if decision == "approve" else before)
    with Approvals(fleet.settings.ledger) as approvals:
        decided = approvals.get(asked.id)
    assert (decided.state, decided.reason) == (state, "looked at it")
    assert decided.decided_by.startswith("Ada, in Prefect's run ")


@pytest.mark.parametrize("deployment", ["evolution", "watch"])
def test_the_server_schedules_runs(fleet: Fleet, deployment: str):
    """Prefect's scheduler fails on every turn with SQLAlchemy 2.1, and says so in the server's log only."""
    scheduled = {"state": {"type": {"any_": ["SCHEDULED"]}}}
    wanted = {"deployments": {"name": {"any_": [deployment]}}, "flow_runs": scheduled}
    runs = until(lambda: fleet.api.post("/flow_runs/filter", wanted), 300, f"runs of {deployment} are scheduled")
    assert {run["created_by"]["type"] for run in runs} == {"SCHEDULE"}


def test_a_checkpoint_of_a_training_run_starts_a_round(fleet: Fleet):
    """The first one alone: there is nothing to merge yet, which is an outcome and no failure."""
    emit(
        fleet.environment,
        "from pathlib import Path\n"
        "from strata.evolution.pretraining import register_checkpoint\n"
        "from strata.settings import Settings\n"
        "from strata.store import Ledger, Store\n"
        "from tasks.evolution_events import announce_checkpoint\n"
        "settings = Settings()\n"
        "with Ledger(settings.ledger) as ledger:\n"
        "    store, folder = Store(settings.store_root), Path('data/evolution/math')\n"
        "    register_checkpoint(store, ledger, folder, 'my-run', 7, notify=announce_checkpoint)",
    )
    run = fleet.stopped("evolution-on-checkpoint")
    assert (run["state_type"], run["state_name"]) == ("COMPLETED", "Skipped"), fleet.log.read_text()
    assert "'my-run' has registered 1 checkpoints" in run["state"]["message"]
    assert run["created_by"]["type"] == "AUTOMATION"


def test_bootstrap_may_be_repeated(fleet: Fleet):
    bootstrap(fleet.environment)
    deployments = fleet.api.post("/deployments/filter", {})
    assert sorted(each["name"] for each in deployments) == NAMES
    automations = fleet.api.post("/automations/filter", {})
    assert sorted(each["name"] for each in automations) == [
        "evolution-on-checkpoint__automation_1",
        "rollback__automation_1",
        "triage__automation_1",
    ]
