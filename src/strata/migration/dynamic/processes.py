"""Running a project's code: in processes of its own, apart from the user's files, with limits, ended in any case."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")
MOST_OUTPUT = 1 << 20  # bytes that are kept of what a process says
# What a program needs to find its parts; nothing that could be a secret.
PASSED_ON = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TZ", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Limits:
    """What code of the project may take.

    module_seconds: for one module's import. seconds: for a batch of imports, or a run of the tests.
    memory: bytes that one process may have for its data.
    """

    module_seconds: int = 60
    seconds: float = 900
    memory: int = 8 << 30


@dataclass(frozen=True, slots=True)
class Ended:
    """code: the exit status, above 128 for a signal, None for what took too long; output: the end of what it said."""

    code: int | None
    output: str


def run_apart(command: Sequence[str], folder: Path, limits: Limits, environment: Mapping[str, str]) -> Ended:
    """Run a command in `folder`, with an empty home and nothing on stdin, within the limits of time and memory.

    Its whole process group ends with it, and with this process, however that ends. The status of one that cannot be
    started is `NOT_STARTED`.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, tempfile.TemporaryFile() as output:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        passed |= {"HOME": home, "TMPDIR": home, "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", **environment}
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(limits.memory), *command],
            cwd=folder, env=passed, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | None = process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - MOST_OUTPUT))
        return Ended(code, output.read().decode(errors="replace"))
