"""Collection of what nothing names any more, and the check of everything that is left."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from strata.files import locked, try_lock
from strata.store import refs
from strata.store.layout import Layout
from strata.store.partial import STEP


@dataclass(frozen=True)
class GcReport:
    """What a collection removed, or would remove in a dry run."""

    removed: tuple[str, ...]  # digests of blobs
    leftovers: int  # files of dead writers
    bytes_freed: int
    kept: int  # blobs that stay
    bytes_kept: int
    dry_run: bool


@dataclass(frozen=True)
class VerifyReport:
    """The state of every blob."""

    checked: int
    bytes_checked: int
    corrupt: tuple[str, ...]  # digests
    missing: tuple[str, ...]  # digests that a ref or root names

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.corrupt and not self.missing


def collect(layout: Layout, grace_seconds: float, roots: frozenset[str], *, dry_run: bool) -> GcReport:
    """Mark and sweep under the exclusive lock: no writer can publish, renew or name a blob meanwhile."""
    removed: list[str] = []
    leftovers = freed = kept = bytes_kept = 0
    with locked(layout.lock, exclusive=True):
        marked = roots | _named(layout)
        oldest = time.time() - grace_seconds
        for path in _blobs(layout):
            status = path.stat()
            if path.name in marked or status.st_mtime > oldest:
                kept += 1
                bytes_kept += status.st_size
                continue
            removed.append(path.name)
            freed += status.st_size
            if not dry_run:
                path.unlink()
        for path in (*layout.staging.glob("*"), *layout.partials.glob("*")):
            size = _remove_if_dead(path, oldest, dry_run=dry_run)
            if size is not None:
                leftovers += 1
                freed += size
    return GcReport(tuple(removed), leftovers, freed, kept, bytes_kept, dry_run)


def verify(layout: Layout, roots: frozenset[str]) -> VerifyReport:
    """Hash every blob, without holding anybody up."""
    checked = size = 0
    corrupt: list[str] = []
    for path in _blobs(layout):
        with suppress(FileNotFoundError):  # collected since the listing
            digest, length = hash_file(path)
            checked += 1
            size += length
            if digest != path.name:
                corrupt.append(path.name)
    with locked(layout.lock, exclusive=False):
        missing = sorted(name for name in roots | _named(layout) if not layout.blob(name).exists())
    return VerifyReport(checked, size, tuple(corrupt), tuple(missing))


def _named(layout: Layout) -> frozenset[str]:
    return frozenset(name for _, entry in refs.iterate(layout) for name in (entry.digest, *entry.needs))


def _blobs(layout: Layout) -> Iterator[Path]:
    return iter(sorted(layout.blobs.glob("*/*")))


def _remove_if_dead(path: Path, oldest: float, *, dry_run: bool) -> int | None:
    """Bytes freed by removing a writer's file, or None when it is young, or locked because its writer lives."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        if status.st_mtime > oldest or not try_lock(descriptor):
            return None
        if not dry_run:
            path.unlink(missing_ok=True)
        return status.st_size
    finally:
        os.close(descriptor)


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 and bytes of a file, read in steps."""
    running = hashlib.sha256()
    buffer = memoryview(bytearray(STEP))
    length = 0
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            running.update(buffer[:count])
            length += count
    return running.hexdigest(), length
