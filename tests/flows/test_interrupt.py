"""Ctrl-C in the terminal of a command-line run: everything it started ends with it, Prefect's server included."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from deployments.bootstrap import ROOT


@pytest.fixture
def environment(tmp_path):
    """Without a server of the user's, so that the run starts its own."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    return bare | {"STRATA_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}


def test_ctrl_c_leaves_no_process_behind(environment, smollm2):
    command = [sys.executable, "-m", "flows.inference", "--model", str(smollm2), "--nodes", "2", "--node-memory", "0"]
    run = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert run.stdout is not None
        seen = []
        for line in run.stdout:
            seen.append(line)
            if line.startswith("Distributing"):
                break
        assert seen, "the run said nothing"
        assert run.poll() is None, "".join(seen)
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(children) >= 3  # two nodes and the server
        os.killpg(run.pid, signal.SIGINT)  # what a terminal does: the whole foreground group gets it
        rest, _ = run.communicate(timeout=60)
        assert run.returncode == 130, rest
        assert "Traceback" not in rest
    finally:
        run.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_a_killed_run_leaves_no_server_behind(environment, tmp_path):
    """Nobody can tell a process that is killed to end its server."""
    code = "from pathlib import Path; from flows.prefect_environment import prepare; import signal; "
    code += f"prepare(Path({str(tmp_path)!r}))(); print('ready', flush=True); signal.pause()"
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"ready\n"
        children = psutil.Process(run.pid).children(recursive=True)
        assert len(children) == 1
    finally:
        run.kill()
        run.communicate()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
