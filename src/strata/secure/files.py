"""Atomic writes for the few small files that hold keys and memberships."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_new(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Create `path` with `data` in one step; raises FileExistsError and changes nothing when it exists."""
    temporary = _write_beside(path, data, mode)
    try:
        os.link(temporary, path)  # link, unlike rename, refuses an existing name
        _sync_folder(path.parent)
    finally:
        temporary.unlink()


def replace(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write `path` so that a reader, or a crash, sees either the old content or the new one."""
    temporary = _write_beside(path, data, mode)
    try:
        os.replace(temporary, path)
    except OSError:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes that also ask from changing `path` meanwhile. The lock is a file beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_beside(path: Path, data: bytes, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
