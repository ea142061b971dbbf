"""Programs that models write: tested, confined, and ended."""

import os
from pathlib import Path

import pytest

from strata.evolution.evaluate import Limits, ScoringFailed, run_tests

GOOD = "def f(x): return x + 1"
TESTS = "assert f(1) == 2"
QUICK = Limits(cpu_seconds=1, wall_seconds=5)


@pytest.fixture(scope="module", autouse=True)
def _namespaces():
    try:
        run_tests(GOOD, TESTS)
    except ScoringFailed as error:
        pytest.skip(f"NOT TESTED: {error}")


def test_what_is_right_passes_and_what_is_wrong_does_not():
    assert run_tests(GOOD, TESTS).passed
    assert run_tests("open('mine', 'w').write('x' * 1000)\n" + GOOD, TESTS).passed
    wrong = run_tests("def f(x): return x", TESTS)
    assert not wrong.passed
    assert "AssertionError" in wrong.detail
    assert "SyntaxError" in run_tests("def f(", TESTS).detail


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        ("import sys; sys.exit(0)", "ended early"),
        ("import os; os._exit(0)", "ended early"),
        ("import os; os.kill(os.getpid(), 9)", "ended early"),
        ("while True: pass", "ended early"),
        ("x = bytearray(10**9)", "MemoryError"),
        ("open('x', 'wb').write(bytes(5 << 20))", "File too large"),
        ("for n in range(9): open(f'x{n}', 'wb').write(bytes(500_000))", "No space left"),
        ("import socket; socket.create_connection(('127.0.0.1', 1), 1)", "Network is unreachable"),
        ("import os; os.kill(os.getppid(), 9); os.kill(1, 9)", "NameError"),
        ("import os; raise SystemError(os.listdir('/proc'))", "SystemError: []"),
        ("import sys\nwhile True: sys.stderr.write('x' * 100_000)", ""),
    ],
)
def test_limits_hold(program: str, detail: str):
    verdict = run_tests(program, TESTS, QUICK)
    assert not verdict.passed
    assert detail in verdict.detail
    assert len(verdict.detail) <= 500


def test_files_elsewhere_stay_as_they_are(tmp_path: Path):
    kept = tmp_path / "kept"
    kept.write_text("mine")
    for change in (f"open({str(kept)!r}, 'w')", f"import os; os.remove({str(kept)!r})"):
        assert "Read-only file system" in run_tests(change, TESTS, QUICK).detail
    remount = "import ctypes; c = ctypes.CDLL(None); assert c.mount(None, b'/', None, 32 | 4096, None) == 0"
    assert not run_tests(f"{remount}\n{GOOD}", TESTS, QUICK).passed
    assert kept.read_text() == "mine"


def test_it_ends_on_time_with_all_that_it_started():
    mark = f"strata-{os.getpid()}-sleeper"
    program = f"""
import os, sys
if os.fork() == 0:
    os.setsid()
    os.execv(sys.executable, [sys.executable, "-c", "import signal; signal.pause()", {mark!r}])
import signal; signal.pause()
"""
    verdict = run_tests(program, TESTS, Limits(wall_seconds=1))
    assert verdict == type(verdict)(False, "took longer than 1 s")
    # Removal from the table of processes follows the kill; to wait for it is to poll.
    assert _gone(mark)


def _gone(mark: str) -> bool:
    for _ in range(2000):
        lines = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                lines.append(entry.read_bytes())
            except OSError:
                continue
        if not any(mark.encode() in line for line in lines):
            return True
    return False


def test_without_namespaces_the_other_limits_hold():
    limits = Limits(cpu_seconds=1, wall_seconds=5, namespaces=False)
    assert run_tests(GOOD, TESTS, limits).passed
    assert "MemoryError" in run_tests("x = bytearray(10**9)", TESTS, limits).detail


def test_where_nothing_can_be_confined_nothing_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from strata.evolution.evaluate import confine

    stand_in = tmp_path / "confine.py"
    stand_in.write_text(f"import sys; print('unshare: refused', file=sys.stderr); sys.exit({confine.NO_NAMESPACES})")
    monkeypatch.setattr(confine, "__file__", str(stand_in))
    with pytest.raises(ScoringFailed, match=r"cannot be confined on this machine \(unshare: refused\)"):
        run_tests(GOOD, TESTS)
