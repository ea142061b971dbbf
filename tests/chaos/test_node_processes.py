"""Real node processes: whoever dies, and however, nothing hangs and nothing stays behind."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import trio

from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    LocalCluster,
    NodeDidNotStart,
    RecordedFailures,
    RequestRefused,
    StageFailed,
    generate_locally,
)
from strata.inference.run.decoding import Decoding
from strata.mesh import Roster, read_membership
from strata.secure import Identity, Membership
from strata.store import IncidentLog
from tests.support.nodes import split, tiny_llama

PATIENCE = 30.0

PARENT = """
import sys, time
from pathlib import Path
from strata.inference import LocalCluster
with LocalCluster(Path(sys.argv[1]), 2, threads=1) as cluster:
    print(*(node.process.pid for node in cluster.nodes), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny_llama(tmp_path / "model")
    return tmp_path / "model"


def _read_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 120)
    assert ready, "it said nothing"
    return process.stdout.readline()


def _assert_gone(pids: list[int]) -> None:
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=PATIENCE)
    assert not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nodes_end_with_the_process_that_started_them(tmp_path: Path, end: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        pids = [int(pid) for pid in _read_line(parent).split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        parent.send_signal(end)
        parent.wait(PATIENCE)
        _assert_gone(pids)
    finally:
        parent.kill()
        parent.wait()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_daemon_ends_cleanly_on_a_signal(tmp_path: Path, end: signal.Signals) -> None:
    with LocalCluster(tmp_path, 1, threads=1) as cluster:
        (node,) = cluster.nodes
        node.process.send_signal(end)
        assert node.process.wait(PATIENCE) == 0


def test_a_command_interrupted_mid_answer_leaves_no_process(tmp_path: Path, model: Path) -> None:
    """Ctrl-C on `strata generate`, which reaches it alone because its nodes have sessions of their own."""
    command = [sys.executable, "-c", "from strata.cli import main; main()", "generate", str(model), "--nodes", "2"]
    command += ["--prompt", "x", "--max-new-tokens", "9"]
    process = subprocess.Popen(
        command,
        env={**os.environ, "STRATA_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        children: list[psutil.Process] = []
        deadline = time.monotonic() + 60
        while len(children) < 2 and time.monotonic() < deadline and process.poll() is None:
            children = psutil.Process(process.pid).children()
        assert len(children) == 2
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        _assert_gone([child.pid for child in children])
    finally:
        process.kill()
        process.wait()


def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    before = psutil.Process().children()
    with (
        pytest.raises(NodeDidNotStart, match="node-1 did not start: strata: not a size"),
        LocalCluster(tmp_path, 1, memory_bytes=-5),
    ):
        raise AssertionError("it started")
    assert psutil.Process().children() == before


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_killed_or_frozen_node_ends_the_run_by_name_or_is_replaced(
    tmp_path: Path, model: Path, how: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strata.inference.run.peers.SILENCE_SECONDS", 2.0)
    checkpoint, plan = Checkpoint.open(model), split(model, ["node-1", "node-2", "node-3"], [2, 4], context=250)

    async def run(cluster: LocalCluster) -> None:
        victim = cluster.nodes[1]
        seen: list[int] = []

        def on_progress() -> None:
            seen.append(1)
            if len(seen) == 5:
                os.kill(victim.process.pid, how)

        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        async with Coordinator.connect(key, roster, tmp_path, cluster.mesh_file.read_bytes()) as coordinator:
            await coordinator.distribute(checkpoint, plan)
            accept = Decoding.accept

            def killing(decoding: Decoding, tokens: list[int]) -> list[list[int]]:
                on_progress()
                return accept(decoding, tokens)

            monkeypatch.setattr(Decoding, "accept", killing)
            started = trio.current_time()
            with trio.fail_after(PATIENCE), pytest.raises(StageFailed) as error:
                await coordinator.generate(checkpoint, plan, [[1, 2, 3]], GenerationParams(max_new_tokens=240))
            assert (error.value.node, error.value.layers) == (victim.name, (2, 3))
            assert trio.current_time() - started < 10
            # The nodes that live go on.
            two = split(model, ["node-1", "node-3"], [3])
            await coordinator.distribute(checkpoint, two)
            # And with a watcher, the generation itself does.
            victim = cluster.nodes[2]
            seen.clear()
            params = GenerationParams(max_new_tokens=40)
            with IncidentLog(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as log, trio.fail_after(PATIENCE):
                watcher = RecordedFailures(log)
                result = await coordinator.generate(checkpoint, two, [[1, 2, 3]], params, watcher=watcher)
                (incident,) = log.recent("inference")
            assert result.token_ids == generate_locally(model, [[1, 2, 3]], params).token_ids
            assert [stage.node for stage in result.stages] == ["node-1", "node-4"]
            assert (incident.subject, incident.state) == (victim.name, "resolved")

    with LocalCluster(tmp_path, 4, threads=1) as cluster:
        trio.run(run, cluster)


def test_a_cluster_keeps_its_tensors_and_two_clusters_do_not_meet(tmp_path: Path, model: Path) -> None:
    checkpoint, plan = Checkpoint.open(model), split(model, ["node-1"], [])

    async def distribute(cluster: LocalCluster) -> int:
        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        async with Coordinator.connect(key, roster, tmp_path, cluster.mesh_file.read_bytes()) as coordinator:
            return (await coordinator.distribute(checkpoint, plan)).shards[0].bytes_sent

    with LocalCluster(tmp_path, 1, threads=1) as first, LocalCluster(tmp_path, 1, threads=1) as second:
        assert first.mesh_file != second.mesh_file
        sent = trio.run(distribute, first)
        assert sent > 0
    with LocalCluster(tmp_path, 1, threads=1) as again:
        assert again.mesh_file == first.mesh_file
        assert trio.run(distribute, again) == 0


def test_the_memory_budget_of_a_node_is_kept(tmp_path: Path, model: Path) -> None:
    async def distribute(cluster: LocalCluster) -> None:
        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        async with Coordinator.connect(key, roster, tmp_path, cluster.mesh_file.read_bytes()) as coordinator:
            assert [node.memory_bytes for node in await coordinator.inventory()] == [100_000]
            await coordinator.distribute(Checkpoint.open(model), split(model, ["node-1"], []))

    with LocalCluster(tmp_path, 1, memory_bytes=100_000, threads=1) as cluster:
        with pytest.raises(RequestRefused) as error:
            trio.run(distribute, cluster)
        assert error.value.code == "memory"


def test_the_ready_line_says_who_and_where(tmp_path: Path) -> None:
    identity = Identity.generate()
    (tmp_path / "node").mkdir()
    identity.save(tmp_path / "node" / "identity.json")
    mesh = Membership.found(identity).with_member(identity.card, "lonely")
    (tmp_path / "mesh").write_bytes(mesh.seal(identity))
    command = [sys.executable, "-c", "from strata.cli import main; main()", "node", "--home", str(tmp_path / "node")]
    command += ["--mesh", str(tmp_path / "mesh"), "--memory", "1.5M"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        ready = json.loads(_read_line(process))
        assert (ready["peer_id"], ready["name"]) == (identity.peer_id, "lonely")
        assert ready["memory_bytes"] == 3 << 19
        assert int(ready["address"].rpartition(":")[2]) > 0
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
