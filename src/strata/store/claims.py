"""Runs that are under way hold a claim: a locked file, whose lock ends with the process, however that ends.

So whoever comes later can tell a run that is still under way from one whose process is gone. Claims are of one home, on
one machine: of a run whose claim is not here nobody can tell from here.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.closing import Closing
from strata.files import make_folder, try_lock

_FOLDER = "running"


class Claim(Closing):
    """Held from its making until it is closed; the run's row keeps its name. `ended` when the row says so."""

    def __init__(self, home: Path) -> None:
        self.name = secrets.token_hex(8)
        self._path = _path(home, self.name)
        make_folder(self._path.parent)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        try_lock(self._descriptor)

    def ended(self) -> None:
        """The run is over, and its row says so: nobody has to find out. Without it the claim is an abandoned one."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock."""
        os.close(self._descriptor)


@contextmanager
def abandoned(home: Path, name: str) -> Iterator[bool]:
    """Whether a claim's process is gone. If so it is this block's until it ends well, and then nobody's any more."""
    path = _path(home, name)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False  # of another home, or ended since
        return
    try:
        gone = try_lock(descriptor) and path.exists()  # its run may have ended between the two
        yield gone
        if gone:
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _path(home: Path, name: str) -> Path:
    if len(name) != 16 or not set(name) <= set("0123456789abcdef"):
        raise ValueError(f"{name!r} is not the name of a claim")
    return home / _FOLDER / name
