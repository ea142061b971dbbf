"""The deployments against a real server: registered from `prefect.yaml`, and run by a real worker on real nodes."""

import asyncio
import os
import subprocess
import sys

import pytest
from prefect import get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.deployments import run_deployment

from deployments.bootstrap import OURS, POOL, ROOT, TAG_LIMITS, ensure_pool, parameters_version
from strata.settings import Settings


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


def snapshot() -> dict[str, object]:
    """All that bootstrap makes, as the server has it, times of changes included."""
    with get_client(sync_client=True) as client:
        deployments = {each.name: (each.id, each.updated, each.version) for each in client.read_deployments()}
        automations = sorted(
            (each["id"], each["updated"]) for each in client.request("POST", "/automations/filter", json={}).json()
        )
        pool = client.read_work_pool(POOL)
        limits = [(each.tag, each.concurrency_limit) for each in client.read_concurrency_limits(limit=100, offset=0)]
    return {"deployments": deployments, "automations": automations, "pool": (pool.id, pool.updated), "limits": limits}


def test_run_twice_bootstrap_changes_nothing(environment):
    assert python(environment, "deployments.bootstrap").returncode == 0
    before = snapshot()
    assert {version for _, _, version in before["deployments"].values()} == {parameters_version(Settings())}
    assert before["limits"] == list(TAG_LIMITS.items())
    done = python(environment, "deployments.bootstrap")
    assert done.stdout == "Everything is as it should be\n"
    assert snapshot() == before


def test_what_is_not_named_any_more_goes_only_when_pruned(environment):
    assert python(environment, "deployments.bootstrap").returncode == 0
    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name("inference")
        for name, tags in (("of-old", [OURS]), ("not-ours", ["theirs"])):
            client.create_deployment(flow, name=name, tags=tags)
    assert python(environment, "deployments.bootstrap").stdout == "Everything is as it should be\n"
    assert {"of-old", "not-ours"} <= snapshot()["deployments"].keys()
    assert python(environment, "deployments.bootstrap", "--prune").stdout == "removed of-old\n"
    left = snapshot()["deployments"]
    assert "not-ours" in left
    assert "of-old" not in left


def test_a_trigger_that_is_gone_comes_back(environment):
    assert python(environment, "deployments.bootstrap").returncode == 0
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/automations/filter", json={}).json()
        gone = next(each for each in found if each["name"].startswith("rollback"))
        client.request("DELETE", f"/automations/{gone['id']}")
    done = python(environment, "deployments.bootstrap")
    assert done.stdout.splitlines()[-1] == "registered rollback"


def test_the_version_changes_with_what_parameters_mean(monkeypatch):
    here = parameters_version(Settings())
    assert here == parameters_version(Settings())
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_VERSION", "2")
    release, _, rest = parameters_version(Settings()).partition("+")
    assert (release, rest) == (here.partition("+")[0], "2." + here.rpartition(".")[2])
