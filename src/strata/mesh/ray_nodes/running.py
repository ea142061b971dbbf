"""One process that keeps nodes up for a home folder, and how another process ends it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.errors import StrataError
from strata.files import make_folder, try_lock

DOWN_SECONDS = 60.0
_FILE = "up.pid"  # locked by the process whose number it holds


class AlreadyUp(StrataError):
    """Another process keeps nodes up for the same home."""


@contextmanager
def being_up(home: Path) -> Iterator[None]:
    """Be that process for the length of the block. Raises AlreadyUp."""
    make_folder(home)
    descriptor = os.open(home / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not try_lock(descriptor):
            raise AlreadyUp(f"nodes are up for {home} already: `strata mesh down` ends them")
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def take_down(home: Path, seconds: float = DOWN_SECONDS) -> bool:
    """Tell that process to end, and wait until it has; False where there is none.

    Raises StrataError where it has not ended in time.
    """
    try:
        descriptor = os.open(home / _FILE, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if try_lock(descriptor):
            return False
        pid = int(os.read(descriptor, 20))
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while not try_lock(descriptor):
            if time.monotonic() > deadline:
                raise StrataError(f"process {pid} has not ended within {seconds:g} s")
            time.sleep(0.1)  # there is no lock with a timeout
    finally:
        os.close(descriptor)
    return True
