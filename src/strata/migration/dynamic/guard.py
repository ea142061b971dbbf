"""Runs a command and ends all of its process group when it ends, or when the process that started this one does.

Run by path, with the standard library only: `guard.py PARENT COMMAND...`, as the leader of a group of its own.
"""

import ctypes
import os
import signal
import subprocess
import sys

_PARENT_DEATH_SIGNAL = 1  # prctl(2)


def main() -> None:
    """The exit status is the command's, 128 and its number for a signal."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, lambda _number, _frame: os.killpg(0, signal.SIGKILL))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.killpg(0, signal.SIGKILL)  # it ended before the signal was asked for
    try:
        code = subprocess.run(command, check=False).returncode
    except OSError as error:
        print(f"cannot be started: {error.strerror}: {command[0]}", file=sys.stderr)
        code = NOT_STARTED
    os._exit(code if code >= 0 else 128 - code)


NOT_STARTED = 127

if __name__ == "__main__":
    main()
