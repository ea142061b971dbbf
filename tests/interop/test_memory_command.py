"""`strata inference memory` from the outside: what a node process holds, and that it gives back what a session held."""

import json
import os
import subprocess
import sys
from pathlib import Path

import trio

from strata.inference import Checkpoint, Coordinator, LocalCluster
from strata.inference.protocol.messages import Open, Sampling, Step
from strata.inference.run.distribute import write_manifests
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from tests.support.nodes import split, tiny_llama

CONTEXT = 8192
KV_BYTES = CONTEXT * 2 * 2 * 16 * 4 * 5  # keys and values of two heads of 16 in float32, in five layers
SESSION = "0" * 32


def _strata(cluster: LocalCluster, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from strata.cli import main; main()", "inference", "memory"]
    command += ["--mesh", str(cluster.mesh_file), "--identity", str(cluster.identity_file), *arguments]
    environment = {**os.environ, "STRATA_HOME": str(cluster.mesh_file.parent)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)


def test_a_node_gives_back_what_an_idle_session_held(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "model", context=CONTEXT)
    checkpoint, plan = Checkpoint.open(tmp_path / "model"), split(tmp_path / "model", ["node-1"], [], CONTEXT)

    async def run(cluster: LocalCluster) -> None:
        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        sealed = cluster.mesh_file.read_bytes()
        async with Coordinator.connect(key, roster, tmp_path, sealed) as coordinator:
            await coordinator.distribute(checkpoint, plan)
            (manifest,) = write_manifests(checkpoint, plan, tmp_path)
            (client,) = coordinator._connections.clients
            answered = trio.Event()
            client._on_event = lambda event, _: answered.set()
            order = Open(
                session=SESSION, shard=manifest.shard, padding=(0,), max_context=CONTEXT, kv_bytes=KV_BYTES,
                previous=None, following=None, sampling=Sampling(),
            )  # fmt: skip
            await client.request(order)
            step = Step(session=SESSION, number=0, shape=(1, CONTEXT - 1), dtype="int64")
            await client.send(step, (7).to_bytes(8, "little") * (CONTEXT - 1))
            await answered.wait()
            shown = await trio.to_thread.run_sync(_strata, cluster, "--json")
            (node,) = json.loads(shown.stdout)["nodes"]
            assert (node["node"], node["sessions"], node["categories"]["cache"]) == ("node-1", 1, KV_BYTES)
            assert node["categories"]["weights"] == plan.stages[0].weight_bytes
            assert node["used"] + node["free"] == node["budget"]
            with trio.fail_after(60):
                cleaned = await coordinator.clean_up("node-1", idle_seconds=1)
                while not cleaned.sessions:  # it must have been idle for a second
                    cleaned = await coordinator.clean_up("node-1", idle_seconds=1)
            assert cleaned.session_bytes == KV_BYTES
            assert cleaned.resident_before - cleaned.resident_after >= 0.9 * KV_BYTES
            assert (await coordinator.statuses())["node-1"].sessions == 0

    with LocalCluster(tmp_path / "home", 1, threads=1) as cluster:
        trio.run(run, cluster)
        done = _strata(cluster, "--clean", "node-1")
        assert done.returncode == 0, done.stderr
        assert "0 idle sessions (0.0 MiB promised), 0 standbys" in done.stdout
        assert done.stdout.splitlines()[-2].startswith("│ node-1 │")
        refused = _strata(cluster, "--clean", "nobody")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 1
        assert "nobody" in refused.stderr
