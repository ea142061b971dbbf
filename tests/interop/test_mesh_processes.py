"""Members as processes: a sweep from the command line finds one that was killed, and mends what it left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from strata.mesh import TOPOLOGY, LocalMesh, Network, NodeDidNotStart
from strata.store import IncidentLog, Ledger

STRATA = [sys.executable, "-c", "from strata.cli import main; main()"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    home = {"STRATA_HOME": str(tmp_path / "home"), "STRATA_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.sqlite"}
    return {**os.environ, **home}


def strata(environment, mesh: LocalMesh, command: str):
    """Run `strata mesh COMMAND` as the coordinator; exit status and what it printed."""
    files = ["--home", str(mesh.identity_file.parent), "--mesh", str(mesh.mesh_file)]
    done = subprocess.run(
        [*STRATA, "mesh", command, *files, "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def left_without(network: Network, name: str) -> int:
    """How many members may be lost before the mesh is in parts, when this one is."""
    links = {ends: quality for ends, quality in network.links.items() if name not in ends}
    peers = {other: peer for other, peer in network.peers.items() if other != name}
    return TOPOLOGY.diagnose(Network(peers, links)).vertex_connectivity


def test_a_killed_member_is_found_and_what_it_left_is_mended(environment, tmp_path: Path):
    with LocalMesh(tmp_path, 5) as mesh:
        status, found = strata(environment, mesh, "sweep")
        assert (status, found["verdict"]) == (0, "keep")
        names = {node.name for node in mesh.nodes}
        network = Network.from_json(json.dumps(found["network"]))
        victim = min(names, key=lambda name: left_without(network, name))
        assert left_without(network, victim) < 2
        mesh.kill(victim)

        status, found = strata(environment, mesh, "sweep")
        first, last = found["sweeps"][0], found["sweeps"][-1]
        assert (status, first["dead"], last["dead"]) == (1, [victim], [victim])
        assert first["vertex_connectivity"] < 2 <= last["vertex_connectivity"]
        assert {ends for link in found["network"]["links"] for ends in link["ends"]} == names - {victim}

        status, told = strata(environment, mesh, "status")
        assert status == 1
        assert {row["member"]: row["state"].split(":")[0] for row in told["members"]}[victim] == "silent"

        mesh.restart(victim)
        for _ in range(2):  # its links come back by themselves, while the first of these looks, or after it
            status, found = strata(environment, mesh, "sweep")
        assert (status, found["sweeps"][-1]["alive"], found["sweeps"][-1]["reach"]) == (0, 5, 1.0)
        assert strata(environment, mesh, "status")[0] == 0

    url = environment["STRATA_LEDGER_URL"]
    with IncidentLog(url) as log:
        (dead,) = [each for each in log.recent("mesh") if each.kind == "dead member"]
        assert (dead.subject, dead.state) == (victim, "resolved")
        assert not log.open_ones("mesh")
    with Ledger(url) as ledger:
        runs = ledger.runs("mesh")
        assert [run.state for run in runs] == ["completed"] * 4
        numbers = [sweep["number"] for run in reversed(runs) for sweep in run.figures["sweeps"]]
        assert numbers == list(range(len(numbers)))


def test_a_mesh_over_libp2p_is_swept_and_mended(environment, tmp_path: Path):
    pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup)")
    with LocalMesh(tmp_path, 8, transport="libp2p") as mesh:
        assert all(node.address.startswith("/ip4/127.0.0.1/tcp/") for node in mesh.nodes)
        status, found = strata(environment, mesh, "sweep")
        assert (status, found["verdict"]) == (0, "keep")
        assert (found["sweeps"][-1]["alive"], found["sweeps"][-1]["reach"]) == (8, 1.0)
        assert found["sweeps"][-1]["vertex_connectivity"] >= 2
        (victim, *_) = mesh.nodes
        mesh.kill(victim.name)
        _, found = strata(environment, mesh, "sweep")
        assert found["sweeps"][-1]["dead"] == [victim.name]
        assert found["sweeps"][-1]["vertex_connectivity"] >= 2
        mesh.restart(victim.name)
        for _ in range(2):
            status, found = strata(environment, mesh, "sweep")
        assert (status, found["sweeps"][-1]["alive"], found["sweeps"][-1]["reach"]) == (0, 8, 1.0)


@pytest.mark.parametrize("transport", ["direct", "libp2p"])
def test_a_member_that_is_stopped_is_dead_until_it_goes_on(environment, tmp_path: Path, transport: str):
    with LocalMesh(tmp_path, 3, transport=transport) as mesh:
        strata(environment, mesh, "sweep")
        (stopped, *_) = mesh.nodes
        stopped.process.send_signal(signal.SIGSTOP)
        try:
            _, found = strata(environment, mesh, "sweep")
            assert found["sweeps"][0]["dead"] == [stopped.name]
        finally:
            stopped.process.send_signal(signal.SIGCONT)
        status, found = strata(environment, mesh, "sweep")
        assert (status, found["sweeps"][-1]["alive"]) == (0, 3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_member_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals):
    with LocalMesh(tmp_path, 1) as mesh:
        (node,) = mesh.nodes
        node.process.send_signal(number)
        assert node.process.wait(10) == 0


def test_members_end_with_the_block_and_a_bad_one_says_why(tmp_path: Path):
    with LocalMesh(tmp_path, 2) as mesh:
        processes = [node.process for node in mesh.nodes]
        folder = mesh.mesh_file.parent
    assert all(process.returncode is not None for process in processes)
    (folder / "node-1" / "neighbours").write_text("nonsense")
    bad = LocalMesh(tmp_path, 2)
    with pytest.raises(NodeDidNotStart, match=r"node-1 did not start: strata: .* is no list of neighbours"), bad:
        pass
