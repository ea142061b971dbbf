"""Files that change all at once or not at all, and locks between processes (POSIX: `flock`, `rename`, `fsync`).

The order is the usual one: write a temporary file on the target's file system, fsync it, rename it over the target,
fsync the folder. A process killed in between leaves the old state and a hidden temporary file.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def make_folder(path: Path) -> None:
    """Create `path` and its missing parents so that they survive a power cut."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the entries of a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Give `path` the content `data`: a reader, or a crash, sees either the old content or the new one."""
    with staged(path.parent, data, mode) as file:
        replace(file, path)


def write_new(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Create `path` with `data` in one step; raises FileExistsError and changes nothing when it exists."""
    with staged(path.parent, data, mode) as file:
        os.link(file, path)  # link, unlike rename, refuses an existing name
        file.unlink()
        sync_folder(path.parent)


@contextmanager
def staged(folder: Path, data: bytes | memoryview, mode: int = 0o600) -> Iterator[Path]:
    """A temporary file that holds `data` durably, for the block to move away; removed when the block fails.

    The file stays locked for the length of the block, so that a collector can tell a live writer's file from a dead
    one's.
    """
    make_folder(folder)
    path = folder / f".{secrets.token_hex(16)}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            view = memoryview(data).cast("B")
            while view:
                view = view[file.write(view) :]
            os.fsync(file.fileno())
            yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replace(source: Path, target: Path) -> None:
    """Rename `source` over `target`, durably."""
    make_folder(target.parent)
    source.replace(target)
    sync_folder(target.parent)


@contextmanager
def locked(path: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock file `path`: many may share it, or one has it exclusively. Threads count like processes.

    The lock belongs to the open file, so it ends with the process, however that ends.
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the exclusive lock of an open file if nobody has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
