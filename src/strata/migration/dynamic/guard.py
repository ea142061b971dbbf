"""Runs a command and ends all of its process group when it ends, or when the process that started this one does.

Run by path, with the standard library only: `guard.py PARENT MEMORY COMMAND...`, as the leader of a group of its own.
MEMORY: bytes that each process may have for its data.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress

_PARENT_DEATH_SIGNAL = 1  # prctl(2)


def main() -> None:
    """The exit status is the command's, 128 and its number for a signal."""
    parent, memory, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    signal.signal(signal.SIGTERM, lambda _number, _frame: os.killpg(0, signal.SIGKILL))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.killpg(0, signal.SIGKILL)  # it ended before the signal was asked for
    with suppress(AttributeError, OSError, ValueError):  # where the system has no such limit, or a lower one
        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        print(f"cannot be started: {error.strerror}: {command[0]}", file=sys.stderr)
        code = NOT_STARTED
    os._exit(code if code >= 0 else 128 - code)


NOT_STARTED = 127

if __name__ == "__main__":
    main()
