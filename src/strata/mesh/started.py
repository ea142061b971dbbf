"""Processes of members, from outside: started, heard when they are ready, ended."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from strata.errors import StrataError

START_SECONDS = 120.0
END_SECONDS = 5.0


class NodeDidNotStart(StrataError):
    """A member's process ended, or said nothing, before it was ready."""


def strata_command(arguments: Sequence[str]) -> list[str]:
    """What runs `strata ARGUMENTS` with the interpreter of this process."""
    return [sys.executable, "-c", "from strata.cli import main; main()", *arguments]


def start(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start a member, which ends with its standard input; what it complains of goes to the file `log`."""
    # A session of its own, so that Ctrl-C in the terminal reaches this process only, which then ends the nodes.
    with log.open("wb") as stream:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            start_new_session=True,
            env=environment,
        )


def address_of(name: str, process: "subprocess.Popen[bytes]", log: Path, deadline: float) -> str:
    """Where the member listens, as it says when it is ready; deadline: of `time.monotonic`. Raises NodeDidNotStart."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        piece = os.read(process.stdout.fileno(), 4096) if ready else b""
        if not piece:
            raise NodeDidNotStart(f"{name} did not start: {last_words(log) or 'it said nothing'}")
        line += piece
    address: str = json.loads(line)["address"]
    return address


def last_words(log: Path) -> str:
    """The last line of what a member has complained of."""
    said = log.read_text(errors="replace").strip()
    return said.splitlines()[-1] if said else ""


def end_of(code: int) -> str:
    """How a process ended: `with status 1`, `by SIGKILL`."""
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with status {code}"


def end(processes: Mapping[str, "subprocess.Popen[bytes]"]) -> None:
    """Tell all to end, then wait for them; insist where one does not.

    The signal ends a node that is still starting, and so not watching its standard input, at once.
    """
    for process in processes.values():
        _close(process.stdin)
        process.terminate()
    deadline = time.monotonic() + END_SECONDS
    for process in processes.values():
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _close(process.stdout)


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        stream.close()
