"""`strata mesh up --ray`: nodes that Ray places answer, come back, and are gone when they should be."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from strata.inference.run.generate import GenerationParams
from strata.inference.run.local import generate_locally
from strata.mesh import read_membership
from strata.store import IncidentLog
from tests.support.nodes import tiny_llama, tiny_tokenizer
from tests.support.ray_cluster import HERE, RayCluster, kill, named, needs_ray, ray_cluster

pytestmark = [needs_ray, pytest.mark.timeout(300)]

STRATA = [sys.executable, "-c", "from strata.cli import main; main()"]
PROMPT, NEW, CONTEXT = "tell me a story", 16, 64
GONE_SECONDS = 60


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model") / "llama"
    tiny_llama(made)
    tiny_tokenizer(made)
    return made


class Up:
    """A running `strata mesh up --json`, and the nodes' folder `there`."""

    def __init__(self, process: "subprocess.Popen[str]", home: Path, there: Path) -> None:
        self.process, self.home, self.there = process, home, there

    def heard(self, kind: str) -> dict:
        """The next line, which has to be of this kind."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it ended"
        told = json.loads(line)
        assert told["kind"] == kind, told
        return told

    def node(self, name: str) -> psutil.Process:
        """The process of a node."""
        (found,) = named(f"--home {self.there / name} ")
        return found

    def strata(self, *arguments: str) -> str:
        """What a command with this home prints."""
        return subprocess.run(
            [*STRATA, *arguments],
            env={**os.environ, **HERE, "STRATA_HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    def answer(self, folder: Path) -> list[list[int]]:
        """Token ids, by the nodes."""
        files = ["--mesh", str(self.home / "mesh"), "--identity", str(self.home / "identity.json")]
        asked = ["--prompt", PROMPT, "--max-new-tokens", str(NEW), "--context", str(CONTEXT), "--raw", "--json"]
        said = json.loads(self.strata("generate", str(folder), *asked, *files))
        assert {stage["node"] for stage in said["stages"]} <= {"ray-1", "ray-2"}
        return said["token_ids"]


@contextmanager
def up(cluster: RayCluster, tmp_path: Path) -> Iterator[Up]:
    """Two nodes, ready."""
    home, there = tmp_path / "home", tmp_path / "there"
    command = [*STRATA, "mesh", "up", "--ray", cluster.address, "--nodes", "2", "--memory", "300M", "--cpus", "0.5"]
    process = subprocess.Popen(
        [*command, "--node-home", str(there), "--json"],
        env={**os.environ, **HERE, "STRATA_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        begun = Up(process, home, there)
        for name in ("ray-1", "ray-2"):
            told = begun.heard("ready")
            assert (told["node"], told["machine"]) == (name, "127.0.0.1")
            assert told["address"].startswith("127.0.0.1:")
        yield begun
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=GONE_SECONDS)
        assert not named(str(there))


def gone(processes: list[psutil.Process]) -> bool:
    """Whether they all end in time."""
    return not psutil.wait_procs(processes, timeout=GONE_SECONDS)[1]


def test_nodes_answer_one_that_is_killed_comes_back_and_all_end_when_told(
    cluster: RayCluster, tmp_path: Path, folder: Path
):
    params = GenerationParams(max_new_tokens=NEW, context=CONTEXT, chat=False)
    expected = generate_locally(folder, [PROMPT], params).token_ids
    with up(cluster, tmp_path) as mesh:
        assert mesh.answer(folder) == expected
        before = mesh.node("ray-2")
        kill(before)
        assert mesh.heard("died")["detail"] == "its process ended by SIGKILL"
        told = mesh.heard("back")
        assert told["node"] == "ray-2"
        assert mesh.node("ray-2").pid != before.pid
        assert mesh.answer(folder) == expected
        listed = read_membership(mesh.home / "mesh")
        assert listed.named("ray-2").addresses == (told["address"],)
        nodes = [mesh.node("ray-1"), mesh.node("ray-2")]
        assert mesh.strata("mesh", "down") == "the nodes are down\n"
        assert gone(nodes)
        assert [mesh.heard("ended")["node"] for _ in range(2)] == ["ray-1", "ray-2"]
        assert mesh.process.wait(GONE_SECONDS) == 0
    assert read_membership(tmp_path / "home" / "mesh").named("ray-2").addresses == ()
    with IncidentLog(f"sqlite:///{tmp_path}/home/ledger.sqlite") as log:
        (incident,) = log.recent("mesh")
    assert (incident.kind, incident.subject, incident.state) == ("node died", "ray-2", "resolved")
    assert incident.figures["attempts"] == 1
    assert all((tmp_path / "there" / name / "identity.json").exists() for name in ("ray-1", "ray-2"))


def test_a_node_whose_actor_dies_is_placed_anew(cluster: RayCluster, tmp_path: Path, folder: Path):
    with up(cluster, tmp_path) as mesh:
        node = mesh.node("ray-1")
        peer = read_membership(mesh.home / "mesh").named("ray-1").peer_id
        kill(node.parent())
        assert gone([node])  # it watches its standard input
        assert mesh.heard("lost")["node"] == "ray-1"
        assert mesh.heard("back")["node"] == "ray-1"
        assert mesh.node("ray-1").pid != node.pid
        assert read_membership(mesh.home / "mesh").named("ray-1").peer_id == peer  # the key was on this machine
        assert mesh.answer(folder)


def test_nothing_outlives_a_driver_that_is_killed(cluster: RayCluster, tmp_path: Path):
    with up(cluster, tmp_path) as mesh:
        nodes = [mesh.node("ray-1"), mesh.node("ray-2")]
        actors = [node.parent() for node in nodes]
        mesh.process.kill()
        assert gone([*nodes, *actors])


def test_nothing_outlives_the_cluster(tmp_path: Path):
    with ray_cluster() as other, up(other, tmp_path) as mesh:
        nodes = [mesh.node("ray-1"), mesh.node("ray-2")]
        for process in other.processes:
            if "raylet" in process.name():
                kill(process)
        assert gone(nodes)


def test_what_does_not_fit_is_told_with_what_there_is(cluster: RayCluster, tmp_path: Path):
    done = subprocess.run(
        [*STRATA, "mesh", "up", "--ray", cluster.address, "--cpus", "64", "--wait", "1"],
        env={**os.environ, **HERE, "STRATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "the cluster has room for 0 nodes of 64 processors" in done.stderr
    assert "127.0.0.1 has 2 and" in done.stderr
