"""One process on each machine: a mesh of `strata node`s is swept and answers a prompt, over the same listeners."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strata.inference.plan.profile import profile_model
from strata.inference.plan.workload import Workload
from strata.inference.run.cluster import LocalCluster
from strata.inference.run.generate import GenerationParams
from strata.inference.run.local import generate_locally
from tests.support.nodes import tiny_llama, tiny_tokenizer

STRATA = [sys.executable, "-c", "from strata.cli import main; main()"]
PROMPT, NEW, CONTEXT = "tell me a story", 16, 64


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_llama(tmp_path / "llama")
    tiny_tokenizer(tmp_path / "llama")
    return tmp_path / "llama"


def strata(home: Path, cluster: LocalCluster, *arguments: str, **environment: str) -> tuple[int, dict]:
    """Run a command as the coordinator; exit status, and what it printed."""
    done = subprocess.run(
        [*STRATA, *arguments, "--mesh", str(cluster.mesh_file), "--json"],
        env={**os.environ, "STRATA_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.timeout(200)
def test_nodes_are_swept_and_answer_and_who_plans_goes_by_the_sweep(tmp_path: Path, folder: Path):
    home, params = tmp_path / "home", GenerationParams(max_new_tokens=NEW, context=CONTEXT, chat=False)
    expected = generate_locally(folder, [PROMPT], params).token_ids
    profile = profile_model(folder)
    workload = Workload(profile, CONTEXT, 1)
    half = workload.spare_bytes + workload.whole_bytes * 3 // 4  # two nodes have the memory for all, one has not

    with LocalCluster(tmp_path, 3, memory_bytes=half) as cluster:
        as_coordinator = ["--identity", str(cluster.identity_file)]
        generate = [
            "generate", str(folder), "--prompt", PROMPT, "--max-new-tokens", str(NEW), "--context", str(CONTEXT),
            "--raw", *as_coordinator,
        ]  # fmt: skip
        status, answered = strata(home, cluster, *generate)
        assert (status, answered["token_ids"]) == (0, expected)
        assert (len(answered["links"]["swept"]), len(answered["links"]["measured"])) == (0, 6)

        own, demand = ["--home", str(cluster.identity_file.parent)], {"STRATA_REQUIRE_ECH": "true"}
        status, told = strata(home, cluster, "mesh", "status", *own, **demand)
        assert status == 1
        assert all("no ECH config of node-" in row["state"] for row in told["members"])
        status, swept = strata(home, cluster, "mesh", "sweep", *own)
        last = swept["sweeps"][-1]
        assert (status, last["alive"], last["reach"]) == (0, 3, 1.0)
        status, told = strata(home, cluster, "mesh", "status", *own, **demand)
        assert status == 0
        status, answered = strata(home, cluster, *generate)
        assert (status, answered["token_ids"]) == (0, expected)
        assert (len(answered["links"]["swept"]), len(answered["links"]["measured"])) == (6, 0)
        assert all(last["at"] - 60 < each["at"] <= last["at"] for each in answered["links"]["swept"])

        cluster.kill("node-2")
        status, swept = strata(home, cluster, "mesh", "sweep", *own)
        assert (status, swept["sweeps"][-1]["dead"]) == (1, ["node-2"])
        status, answered = strata(home, cluster, *generate)
        assert (status, answered["token_ids"]) == (0, expected)
        assert {(each["from"], each["to"]) for each in answered["links"]["swept"]} == {
            ("node-1", "node-3"), ("node-3", "node-1")
        }  # fmt: skip
