"""What a run that was killed leaves is cleaned up: its processes end, and the ledger says that it has."""

import os
import subprocess
import sys
from uuid import uuid4

import psutil
import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling, Crashed

from flows.health import run as flow
from strata.settings import Settings
from strata.store import Claim, Ledger
from tasks import endings
from tasks.endings import ENDINGS, clean_up
from tasks.family import RUN, family


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    monkeypatch.setattr(endings, "NODE_SECONDS", 0.2)
    return Settings()


def a_line(settings, flow_run: FlowRun, *, claim: str) -> int:
    with Ledger(settings.ledger) as ledger:
        return ledger.start_run("health", "1", {"flow_run": str(flow_run.id), "claim": claim})


def state_of(settings, line: int) -> str:
    with Ledger(settings.ledger) as ledger:
        return next(each.state for each in ledger.runs() if each.id == line)


@pytest.mark.parametrize(("state", "written"), [(Crashed(), "crashed"), (Cancelling(), "cancelled")])
def test_the_line_of_a_killed_run_ends(settings, state, written):
    killed, living = FlowRun(flow_id=uuid4()), FlowRun(flow_id=uuid4())
    with Claim(settings.home) as claim:
        pass
    with Claim(settings.home) as held:
        lines = a_line(settings, killed, claim=claim.name), a_line(settings, living, claim=held.name)
        for each in (killed, living):
            clean_up(flow, each, state)
        assert [state_of(settings, line) for line in lines] == [written, "running"]


def test_its_processes_end_and_no_others(settings):
    mine, other = FlowRun(flow_id=uuid4()), FlowRun(flow_id=uuid4())
    started = [
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=os.environ | {RUN: str(each.id)})
        for each in (mine, other)
    ]
    try:
        assert [each.pid for each in family([str(mine.id)])] == [started[0].pid]
        clean_up(flow, mine, Crashed())
        assert not psutil.pid_exists(started[0].pid)
        assert started[1].poll() is None
    finally:
        for each in started:
            each.kill()
            each.communicate()


def test_who_cleans_up_is_left_alone(monkeypatch):
    monkeypatch.setenv(RUN, "this")  # psutil reads what a process was started with: a child shows it
    code = "from tasks.family import family; print([each.pid for each in family(['this'])])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_ending_is_told():
    assert set(ENDINGS) == {"on_failure", "on_crashed", "on_cancellation", "on_completion"}
