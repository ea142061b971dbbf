"""Tests of a program that a model wrote, run in a process with limits."""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from strata.evolution.evaluate import confine
from strata.evolution.evaluate.scorer import ScoringFailed

LONGEST_DETAIL = 500  # characters


@dataclass(frozen=True)
class Limits:
    """`memory` and `files` in bytes: of its address space; of any file, and of all its files together.

    `namespaces`: without, the network and the files of this user are within reach of the program, and a process that
    it starts may outlive it: only for a machine that is itself thrown away.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory: int = 512 << 20
    files: int = 1 << 20
    namespaces: bool = True


@dataclass(frozen=True)
class Verdict:
    """Whether the program and its tests ran to their end; `detail`: the end of what it complained of, or the limit."""

    passed: bool
    detail: str = ""


def run_tests(program: str, tests: str, limits: Limits = Limits()) -> Verdict:
    """Run `program` followed by `tests`. Raises ScoringFailed where no namespaces can be had.

    It must come to its end: a program that exits early, with whatever status, has not passed. A program that looks for
    the word by which its end is told can lie; models do not.
    """
    with tempfile.TemporaryDirectory(prefix="strata-tests-") as folder:
        source, work = Path(folder, "program.py"), Path(folder, "work")
        source.write_text(f"{program}\n\n{tests}\n", encoding="utf-8", errors="replace")
        work.mkdir()
        return _run(source, work, limits)


def _run(source: Path, work: Path, limits: Limits) -> Verdict:
    word = secrets.token_hex(16)
    reader, writer = os.pipe()
    rlimits = {"RLIMIT_CPU": limits.cpu_seconds, "RLIMIT_AS": limits.memory, "RLIMIT_FSIZE": limits.files}
    rlimits |= {"RLIMIT_NOFILE": 64, "RLIMIT_NPROC": 64, "RLIMIT_CORE": 0}
    task = {"program": str(source), "work": str(work), "result": writer, "word": word, "limits": rlimits}
    command = [sys.executable, "-I", "-S", confine.__file__, json.dumps(task | {"namespaces": limits.namespaces})]
    late = False
    try:
        # Not a pipe: nobody would read it while the program runs, and RLIMIT_FSIZE bounds a file.
        with tempfile.TemporaryFile() as complaints:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                cwd=work,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
                pass_fds=[writer],
                start_new_session=True,
            )
            try:
                status = process.wait(limits.wall_seconds)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                _end(process)
            complaints.seek(0)
            detail = complaints.read(limits.files).decode(errors="replace").strip()[-LONGEST_DETAIL:]
        os.set_blocking(reader, False)
        said = _read(reader, len(word) + 1)
    finally:
        os.close(reader)
        os.close(writer)
    if late:
        return Verdict(False, f"took longer than {limits.wall_seconds:g} s")
    if status == confine.NO_NAMESPACES and not said:
        raise ScoringFailed(f"programs cannot be confined on this machine ({detail}); see Limits.namespaces")
    passed = said == word.encode() and status == 0
    return Verdict(passed, "" if passed else detail or f"ended early, with status {status}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End its whole group; with namespaces, all that is in them ends with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _read(descriptor: int, size: int) -> bytes:
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return b""
