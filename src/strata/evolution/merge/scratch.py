"""Folders for the length of a piece of work, that do not outlive it for long, whatever happens."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strata.files import make_folder, try_lock

_LOCK = "lock"
FOLDER = "merging"  # beside the blobs, so that children are written to the store's own disk


@contextmanager
def scratch(root: Path) -> Iterator[Path]:
    """A new folder below `root`, removed with all it holds at the end of the block; locked as long as it is in use."""
    folder = root / FOLDER / secrets.token_hex(8)
    make_folder(folder.parent)
    # Made under another name, so that nobody who looks for dead folders finds it unlocked.
    fresh = folder.with_name(f".{folder.name}")
    fresh.mkdir()
    descriptor = os.open(fresh / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        fresh.rename(folder)
        yield folder
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def remove_dead(root: Path) -> int:
    """Remove the folders whose process has ended without doing so; how many there were."""
    removed = 0
    for lock in (root / FOLDER).glob(f"[!.]*/{_LOCK}"):
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if try_lock(descriptor):
                shutil.rmtree(lock.parent, ignore_errors=True)
                removed += 1
        finally:
            os.close(descriptor)
    return removed
