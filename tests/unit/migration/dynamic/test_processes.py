"""Code of a project ends when what started it ends, however that ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from strata.migration.dynamic.guard import NOT_STARTED
from strata.migration.dynamic.processes import Ended, Limits, run_apart

LIMITS = Limits(seconds=30, memory=200 << 20)
SECONDS = 20  # that the system may take to end a process


def ended(pid: int) -> bool:
    """Whether the process is gone, or waits for nothing but to be reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_ended(pids: list[int]) -> list[int]:
    """Those that still run after some seconds."""
    deadline = time.monotonic() + SECONDS
    while pids and time.monotonic() < deadline:
        pids = [pid for pid in pids if not ended(pid)]
        time.sleep(0.01)
    return pids


# A shell that tells its own number and that of a child, and waits.
TELLS = 'sleep 600 & echo $$ $! > "{0}.new"; mv "{0}.new" "{0}"; wait'


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: a parent's death is told by Linux only")
def test_killed_it_takes_what_it_runs_with_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = (
        "import sys; from pathlib import Path; from strata.migration.dynamic.processes import Limits, run_apart;"
        f"run_apart(['sh', '-c', {TELLS.format(told)!r}], Path({str(tmp_path)!r}), Limits(), {{}})"
    )
    ours = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + SECONDS
    while not told.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    pids = [int(pid) for pid in told.read_text().split()]
    assert not any(map(ended, pids))
    ours.send_signal(signal.SIGKILL)
    ours.wait()
    assert wait_until_ended(pids) == []


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    told = tmp_path / "told"
    done = run_apart(["sh", "-c", TELLS.format(told)], tmp_path, Limits(seconds=2), {})
    assert done.code is None
    assert wait_until_ended([int(pid) for pid in told.read_text().split()]) == []


def test_how_it_ended_and_the_end_of_what_it_said(tmp_path: Path) -> None:
    assert run_apart(["sh", "-c", "echo one; echo two >&2; exit 7"], tmp_path, LIMITS, {}) == Ended(7, "one\ntwo\n")
    assert run_apart(["sh", "-c", "kill -9 $$"], tmp_path, LIMITS, {}).code == 128 + 9
    missing = run_apart(["no-such-program"], tmp_path, LIMITS, {})
    assert missing == Ended(NOT_STARTED, "cannot be started: No such file or directory: no-such-program\n")


def test_memory_is_bounded(tmp_path: Path) -> None:
    done = run_apart([sys.executable, "-c", "b'x' * (300 << 20)"], tmp_path, LIMITS, {})
    assert (done.code, "MemoryError" in done.output) == (1, True)
