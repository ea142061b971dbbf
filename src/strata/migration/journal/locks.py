"""Who may work on a tree: one migration at a time, and one change of the journal at a time."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.errors import StrataError
from strata.files import try_lock


class JournalError(StrataError):
    """The journal cannot do it: another migration is open or under way, or there is none."""


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Hold the tree's folder itself, whichever ledger its migrations are in; ends with the process, however that ends.

    Raises JournalError where another process holds it.
    """
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not try_lock(descriptor):
            raise JournalError(f"another process is migrating {root}; wait for it to end")
        yield
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile shares the lock
    finally:
        os.close(descriptor)


def operations(locks: Path, root: Path) -> Path:
    """The lock file that a change of the journal of this tree holds."""
    return locks / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:32]}.lock"
