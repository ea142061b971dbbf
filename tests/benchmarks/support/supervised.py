"""Processes of the evolution, started, stepped through, killed, and looked after: what a scheduler would do."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

END_SECONDS = 30.0  # within which all that a process started is gone after it
WORKER = "strata.evolution.merge.worker"
Event = Mapping[str, Any]


class Supervised:
    """A process in a session of its own, and what it starts. log: where its stderr goes; cwd: its working folder."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path | None = None
    ) -> None:
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **environment},
                cwd=cwd,
                start_new_session=True,
            )

    def descendants(self) -> list[psutil.Process]:
        """All that it has started and that lives."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def workers(self) -> list[psutil.Process]:
        """Its processes that merge."""
        found = []
        for process in self.descendants():
            with suppress(psutil.Error):
                if WORKER in process.cmdline():
                    found.append(process)
        return found

    def kill(self) -> int:
        """SIGKILL it alone; how many of its descendants outlived it, which are ended here."""
        started = self.descendants()
        self.process.send_signal(signal.SIGKILL)
        return self._gone(started)

    def end(self) -> int:
        """Wait until it has ended by itself; its exit status."""
        self._gone(self.descendants())
        return self.process.returncode

    def _gone(self, started: list[psutil.Process]) -> int:
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()
        _, alive = psutil.wait_procs(started, timeout=END_SECONDS)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return len(alive)


class Breeding(Supervised):
    """`support.breeding`, stage by stage."""

    def __init__(self, order: Mapping[str, Any], environment: Mapping[str, str], log: Path) -> None:
        here = Path(__file__).parents[1]
        path = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, "-m", "support.breeding", json.dumps(order)]
        super().__init__(command, {**environment, "PYTHONPATH": path}, log)

    def event(self) -> Event | None:
        """What it says next; None where it has ended without a word."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def go(self) -> None:
        """Let it go on."""
        self._say("go")

    def stop(self) -> int:
        """Have it end at the stage where it waits; its exit status."""
        self._say("stop")
        return self.end()

    def _say(self, word: str) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{word}\n".encode())
            self.process.stdin.flush()
