"""A worker seen from outside: started, asked, stopped."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from strata.evolution.merge.outcome import Engine
from strata.store import Store

# Importing mergekit takes 5 s of one core, and cores may be busy.
START_SECONDS = 300.0
LONGEST_ANSWER = 1 << 16
MODULE = "strata.evolution.merge.worker"


class WorkerDied(Exception):
    """The process ended; says how, and what it wrote last. `code`: its exit status, or minus the signal."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class WorkerLate(Exception):
    """No answer in time."""


class WorkerProcess:
    """One worker, for one thread at a time; only `stop` may come from another. It must be closed.

    cwd: its working directory, against which paths in orders hold. scratch: a folder that it removes if who ordered
    dies. threads: None is torch's own choice.
    """

    def __init__(self, store: Store, cwd: Path, scratch: Path, threads: int | None) -> None:
        # Its texts hash alike everywhere; it asks no network; idle threads sleep instead of taking another's core.
        fixed = {"PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}
        fixed["PYTHONPATH"] = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        fixed["STRATA_STORE_URL"] = store.url or ""
        if threads is not None:
            fixed |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            # -P: a working directory is data, not a place to import from.
            [
                sys.executable,
                "-P",
                "-m",
                MODULE,
                str(store.layout.root.resolve()),
                str(scratch.resolve()),
                str(threads or 0),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=cwd,
            env=os.environ | fixed,
        )
        self._pending = b""
        self.engine: Engine | None = None
        self.idle_bytes = 0  # resident when it was ready

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ready(self, seconds: float = START_SECONDS) -> Engine:
        """Wait until it has imported mergekit. Raises WorkerDied and WorkerLate."""
        if self.engine is None:
            hello = self._receive(seconds)
            self.engine, self.idle_bytes = Engine(**hello["hello"]), int(hello["peak_bytes"])
        return self.engine

    def ask(self, order: dict[str, Any], seconds: float | None) -> dict[str, Any]:
        """Its answer to the order. Raises WorkerDied and WorkerLate, after which it can only be closed."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(order).encode() + b"\n")
            stdin.flush()
        except (BrokenPipeError, ValueError):
            raise self._died() from None
        return self._receive(seconds)

    def stop(self) -> None:
        """End it, whatever it does: it is gone on return."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Stop it and let go of its pipes."""
        self.stop()
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _receive(self, seconds: float | None) -> dict[str, Any]:
        stdout = self._process.stdout
        assert stdout is not None
        end = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._pending:
            left = None if end is None else max(0.0, end - time.monotonic())
            if not select.select([stdout], [], [], left)[0]:
                raise WorkerLate
            data = os.read(stdout.fileno(), LONGEST_ANSWER)
            if not data or len(self._pending) > LONGEST_ANSWER:
                raise self._died()
            self._pending += data
        line, self._pending = self._pending.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _died(self) -> WorkerDied:
        # Its end of the pipe is closed, so it is ending; killing it would hide how.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self.stop()
        code = self._process.returncode
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"
        self._log.seek(max(0, os.fstat(self._log.fileno()).st_size - 500))
        last = " ".join(self._log.read().decode(errors="replace").split())
        words = f"; its last words: {last}" if last and code >= 0 else ""
        return WorkerDied(f"the worker (process {self.pid}) ended {how}{words}", code)
