"""A flow that takes too long is ended within its timeout, wherever it waits, with all that it has started."""

import time

import psutil
import pytest
import trio
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.mesh import run as sweep
from strata.settings import Settings
from strata.store import IncidentLog, Ledger
from tasks import loop
from tasks.endings import ENDINGS
from tasks.mesh_parameters import MeshParameters
from tasks.record import recorded

# Prefect's timeouts use SIGALRM where nobody else does, as nobody does in a run of a worker's.
pytestmark = [pytest.mark.usefixtures("prefect_api"), pytest.mark.timeout(300, method="thread")]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    return Settings()


@task(cache_policy=NO_CACHE)
def wait_in_trio() -> None:
    loop.run(trio.sleep, 60)


@task(cache_policy=NO_CACHE)
def wait_in_a_call() -> None:
    time.sleep(60)


@pytest.mark.parametrize("waiting", [wait_in_trio, wait_in_a_call], ids=["trio", "call"])
def test_it_is_told_timed_out_and_leaves_an_incident(home: Settings, waiting):
    @flow(name="waiting", timeout_seconds=2, **ENDINGS)
    def waits() -> None:
        with recorded("waiting", Settings()):
            waiting()

    start = time.monotonic()
    state = waits(return_state=True)
    assert time.monotonic() - start < 20
    assert (state.name, state.is_failed()) == ("TimedOut", True)
    with Ledger(home.ledger) as ledger:
        (line,) = ledger.runs()
    assert (line.state, line.figures["error"]) == ("failed", "it took longer than the timeout of its flow")
    with IncidentLog(home.ledger) as log:
        (incident,) = log.recent()
    assert "exceeded timeout of 2" in incident.detail


def test_its_processes_end_with_it(home: Settings, monkeypatch):
    """The sweep of a mesh of processes, which hangs at its first question."""
    started: list[psutil.Process] = []

    async def never(self, seed: int) -> None:
        started.extend(psutil.Process().children(recursive=True))
        await trio.sleep_forever()

    monkeypatch.setattr("strata.mesh.Coordinator.discover", never)
    state = sweep.with_options(timeout_seconds=30)(MeshParameters(members=3, kill=0), return_state=True)
    assert state.name == "TimedOut"
    assert len(started) >= 3
    _, alive = psutil.wait_procs(started, timeout=10)
    assert [each for each in alive if "mesh" in each.cmdline()] == []
