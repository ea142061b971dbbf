"""The deployments against a real server: registered from `prefect.yaml`, and run by a real worker on real nodes."""

import asyncio
import os
import subprocess
import sys

import pytest
from prefect import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.deployments import run_deployment

from deployments.bootstrap import POOL, ROOT, ensure_pool


@pytest.fixture
def environment(prefect_api, tmp_path):
    """What a user's shell would have set."""
    return os.environ | {"PREFECT_API_URL": prefect_api, "STRATA_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}


def python(environment, *arguments, cwd=ROOT):
    """Run `python -m ...` to its end."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, timeout=240, check=False, capture_output=True, text=True)


@pytest.mark.usefixtures("prefect_api")
def test_the_pool_is_made_once():
    assert asyncio.run(ensure_pool("made-once"))
    assert not asyncio.run(ensure_pool("made-once"))


def test_without_a_server_bootstrap_says_what_to_set(environment):
    del environment["PREFECT_API_URL"]
    done = python(environment, "deployments.bootstrap")
    assert done.returncode == 2
    assert "Set PREFECT_API_URL" in done.stderr


def test_switched_off_the_command_says_so_and_succeeds(environment):
    environment["ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE"] = "false"
    done = python(environment, "flows.inference", "--json")
    assert done.returncode == 0, done.stderr
    assert "The inference pipeline is switched off" in done.stdout


def test_a_failed_stage_ends_the_command_with_one_line(environment):
    done = python(environment, "flows.inference", "--model", "no-such-model")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "no model 'no-such-model'" in line
    assert "What to do: name a safetensors folder" in line


def test_a_deployed_run_answers_over_real_nodes(environment, smollm2, tmp_path):
    """The whole way: `bootstrap`, the run form's parameters, a process worker started elsewhere, two nodes."""
    done = python(environment, "deployments.bootstrap")
    assert done.returncode == 0, done.stdout + done.stderr
    parameters = {
        "model": str(smollm2), "prompts": ["Why is the sky blue?"], "nodes": 2, "max_new_tokens": 4, "compare": False,
        "node_memory": 0, "context": 128,
    }  # fmt: skip
    run = run_deployment("inference/inference", parameters={"parameters": parameters}, timeout=0)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    worker = python(environment, "prefect", "worker", "start", "--pool", POOL, "--run-once", cwd=elsewhere)
    assert worker.returncode == 0, worker.stderr
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run.id).state
        named = DeploymentFilter(name=DeploymentFilterName(any_=["inference"]))
        (deployment,) = client.read_deployments(deployment_filter=named)
    assert state.is_completed(), worker.stdout + worker.stderr
    assert deployment.entrypoint == "flows.inference.run"
