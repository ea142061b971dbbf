"""A small mesh of processes under kills, stops and cut links: what must hold however long everything takes."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.benchmarks.support.namespaces import Namespaces, why_no_namespaces

BENCHMARK = Path(__file__).parents[1] / "benchmarks/faults.py"
SEED = 27  # one member is killed after two seconds and stays away, one is stopped twice, and two pairs are cut
FAULTS = {
    "nodes": 5,
    "minutes": 0.28,
    "predictions": 2,
    "scenario": {
        "crash": {"every_hours": 0.02, "minutes": 5},
        "cut": {"every_hours": 0.02, "minutes": 0.05},
        "slow": {"share": 0.2, "stalled_seconds": 3, "running_seconds": 6},
        "sweep_minutes": 0.1,
    },
}
SECONDS = 60.0  # for what takes a few


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    if why := why_no_namespaces():
        pytest.skip(f"NOT TESTED: a mesh of which links are cut needs network namespaces: {why}")


@contextmanager
def benchmark(folder: Path, faults: dict) -> Iterator[subprocess.Popen[str]]:
    """The benchmark, whose members have `folder` in their command lines."""
    description = folder / "faults.json"
    description.write_text(json.dumps(faults))
    command = [sys.executable, str(BENCHMARK), "--description", str(description), "--seed", str(SEED)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def members(folder: Path) -> list[int]:
    """Processes of members."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if str(folder).encode() in line and b"mesh\0node" in line:
            found.append(int(path.parent.name))
    return found


def wait_for_end_of(pids: list[int]) -> None:
    """Wait until they have ended."""
    deadline = time.monotonic() + SECONDS
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            assert ended, f"process {pid} has not ended"
        finally:
            os.close(descriptor)


def test_faults_are_noticed_and_the_mesh_is_whole_again(tmp_path: Path):
    with benchmark(tmp_path, FAULTS) as process:
        out, err = process.communicate(timeout=200)
    assert (process.returncode, err) == (0, ""), out
    found = json.loads(out.splitlines()[-1])
    assert found["not_measured"] == []
    assert found["faults"] == {"crash": 1, "stall": 2, "cut": 2}
    assert found["struck"] == 5
    assert found["noticed"]["node-4"] > 0
    assert found["whole_again_seconds"] is not None
    assert 0 < found["ours"] <= 1
    assert found["compared"]["uptime"]["low"] <= found["peer"] <= found["limit"] <= 1
    assert members(tmp_path) == []
    assert [each.name for each in tmp_path.iterdir()] == ["faults.json"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_benchmark_however_it_ends(tmp_path: Path, number: signal.Signals):
    """Not even a member that is stopped at that moment, which could not notice."""
    stops = {"slow": {"share": 1, "stalled_seconds": 1000, "running_seconds": 0.001}}
    faults = {**FAULTS, "nodes": 2, "scenario": stops}
    with benchmark(tmp_path, faults) as process:
        for _ in range(2):
            assert any("stopped " in line for line in iter(process.stdout.readline, "")), process.stderr.read()
        pids = members(tmp_path)
        assert [state(pid) for pid in pids] == ["T", "T"]
        process.send_signal(number)
        process.wait(SECONDS)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        wait_for_end_of(pids)


def state(pid: int) -> str:
    """One letter, as `ps` shows it; T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_cut_is_between_two_and_heals():
    code = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 1).close()"
    listen = "import socket; s = socket.create_server(('0.0.0.0', 0)); print(s.getsockname()[1], flush=True); input()"
    with Namespaces(["a", "b", "c"]) as machines:

        def reaches(name: str) -> bool:
            command = [*machines.within(name), sys.executable, "-c", code, machines.addresses["a"], port]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0

        command = [*machines.within("a"), sys.executable, "-c", listen]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as listener:
            port = listener.stdout.readline().strip()
            assert reaches("b")
            machines.cut("a", "b")
            assert not reaches("b")
            assert reaches("c")
            machines.heal("a", "b")
            assert reaches("b")
            listener.stdin.close()
