"""A cluster by settings alone: Prefect and the ledger on PostgreSQL, the store on S3, two workers with their own homes.

One server and two workers serve all tests of this file.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from strata.evolution.lineage import Championship, damage
from strata.settings import Settings
from strata.store import Approvals, ChampionLog, IncidentLog, Ledger, open_store
from tests.support import postgres
from tests.support import s3 as s3_server
from tests.support.champions import SHIPPED, plant, spoiled
from tests.support.prefect_server import ENDED, ROOT, Api, prefect_server, process, until

pytestmark = pytest.mark.timeout(900)

MACHINES = ("one", "other")
BUCKET = "s3://cluster/strata"
TROUBLE = re.compile(r"database is locked|deadlock detected|too many clients|Traceback|QueuePool limit", re.IGNORECASE)


@dataclass(frozen=True)
class Cluster:
    """The server; and of each machine its settings, its worker, and the log of that."""

    api: Api
    settings: dict[str, Settings]
    workers: dict[str, "subprocess.Popen[bytes]"]
    logs: dict[str, Path]

    def ended(self, deployment: str, count: int, states: frozenset[str] = ENDED) -> list[dict]:
        """So many runs of a deployment, once they are in one of these states."""

        def all_of_them() -> list[dict]:
            runs = [run for run in self.api.runs_of(deployment) if run["state_type"] in states]
            return runs if len(runs) >= count else []

        return until(all_of_them, 600, f"{count} runs of {deployment} end, see {self.logs}")

    def done_by(self, machine: str) -> set[str]:
        """Ids of the runs that a machine's worker has carried out, or begun to."""
        return set(re.findall(r"View at \S+/flow-run/([0-9a-f-]{36})", self.logs[machine].read_text()))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if not postgres.can_serve():
        pytest.skip("NOT TESTED: PostgreSQL's server is not installed")
    if not s3_server.can_serve():
        pytest.skip("NOT TESTED: moto's S3 server or s3fs is not installed")
    folder = tmp_path_factory.mktemp("cluster")
    with postgres.serve() as server, s3_server.served(folder) as endpoint, pytest.MonkeyPatch.context() as patch:
        s3_server.make_bucket(endpoint, "cluster")
        for name, value in s3_server.environment(endpoint).items():
            patch.setenv(name, value)
        prefect, ledger = server.new_database(), server.new_database()
        shared = {"STRATA_STORE_URL": BUCKET, "STRATA_LEDGER_URL": ledger, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        database = prefect.replace("postgresql+psycopg:", "postgresql+asyncpg:")
        with prefect_server(folder / "prefect", PREFECT_API_DATABASE_CONNECTION_URL=database, **shared) as (
            api,
            environment,
        ):
            command = [sys.executable, "-m", "deployments.bootstrap"]
            subprocess.run(command, cwd=ROOT, env=environment, timeout=300, check=True, capture_output=True)
            api.pause_schedules()
            settings, logs = {}, {}
            for name in MACHINES:
                home = folder / name
                settings[name] = Settings(STRATA_HOME=home, STRATA_STORE_URL=BUCKET, STRATA_LEDGER_URL=ledger)
                logs[name] = folder / f"{name}.log"
            with (
                worker("one", environment, settings["one"], logs["one"]) as one,
                worker("other", environment, settings["other"], logs["other"]) as other,
            ):
                yield Cluster(api, settings, {"one": one, "other": other}, logs)


def worker(name: str, environment: dict[str, str], settings: Settings, log: Path):
    """A machine's worker, which takes one run at a time, so that the other one has to do its part."""
    mine = environment | {"STRATA_HOME": str(settings.home), "PREFECT_HOME": str(log.with_suffix(".prefect"))}
    return process(mine, "prefect", "worker", "start", "--pool", "local", "--limit", "1", "--name", name, log=log)


def test_both_workers_do_their_part_and_nothing_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    """One machine plants a champion that is worse than the one before; whoever is free watches, and rolls back."""
    good, bad = plant(cluster.settings["one"], SHIPPED / "coding", spoiled(tmp_path / "spoiled"))
    cluster.api.create_run("watch", {"items": 1000})
    for _ in range(2):
        cluster.api.create_run("migration", {})
    runs = [*cluster.ended("watch", 1), *cluster.ended("rollback", 1), *cluster.ended("migration", 2)]
    assert {run["state_type"] for run in runs} == {"COMPLETED"}, [path.read_text() for path in cluster.logs.values()]

    both = [cluster.done_by(name) for name in MACHINES]
    assert all(both), "each has done something"
    assert not both[0] & both[1], "and nothing twice"
    assert {run["id"] for run in runs} <= both[0] | both[1]

    ledger = cluster.settings["one"].ledger
    with ChampionLog(ledger) as champions, IncidentLog(ledger) as incidents, Ledger(ledger) as records:
        history = champions.history()
        assert (history[0].digest, history[0].kind) == (good, "regression")
        assert all(later.previous == earlier.digest for later, earlier in pairwise(history))
        assert [(each.subject, each.state) for each in incidents.recent("evolution")] == [(bad, "resolved")]
        recorded = records.runs(limit=100)
        assert {run.state for run in recorded} <= {"completed", "skipped"}
        assert {run.pipeline for run in recorded} >= {"evolution-watch", "evolution-rollback", "migration"}
        roots = records.digests()
    for settings in cluster.settings.values():
        assert open_store(settings).verify(roots).sound


def test_what_a_lost_machine_has_begun_another_ends(cluster: Cluster) -> None:
    """A run suspends to ask a person; the machine that bred is gone when the answer comes."""
    parameters = {"generations": 1, "children": 2, "search_items": 20, "gate_items": 50, "workers": 1, "gain": 0.2}
    cluster.api.create_run("evolution", parameters | {"comparison_items": 20, "approval": "always"})
    (run,) = cluster.ended("evolution", 1, ENDED | {"PAUSED"})
    assert run["state_name"] == "Suspended", [path.read_text() for path in cluster.logs.values()]
    (lost,) = (name for name in MACHINES if run["id"] in cluster.done_by(name))
    (left,) = set(MACHINES) - {lost}
    worker_there = psutil.Process(cluster.workers[lost].pid)
    processes = [worker_there, *worker_there.children(recursive=True)]
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(processes)
    shutil.rmtree(cluster.settings[lost].home)
    settings = cluster.settings[left]
    with Approvals(settings.ledger) as approvals:
        (asked,) = approvals.pending()
    answer = {"decision": "approve", "comment": "looks good", "name": "Ada"}
    cluster.api.post(f"/flow_runs/{run['id']}/resume", {"run_input": answer})
    (run,) = cluster.ended("evolution", 1)
    assert run["state_type"] == "COMPLETED", cluster.logs[left].read_text()
    assert run["id"] in cluster.done_by(left)
    with Championship(open_store(settings), settings.ledger) as championship:
        assert championship.standing().digest == asked.candidate
    assert damage(open_store(settings), asked.candidate) is None


def test_nobody_was_in_anybodys_way(cluster: Cluster) -> None:
    for log in (*cluster.logs.values(), cluster.api.log):
        found = [line for line in log.read_text(errors="replace").splitlines() if TROUBLE.search(line)]
        assert not found, f"{log}: {found[:5]}"
        assert s3_server.SECRET not in log.read_text(errors="replace")
