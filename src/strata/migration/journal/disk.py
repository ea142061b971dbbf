"""Files of a tree, reached from its root folder by folder, so that no symbolic link leads a write elsewhere.

A file changes all at once: a temporary file beside it, fsync, rename; folders are synced together, before the journal
says that a step is done.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from strata.closing import Closing
from strata.migration.journal.paths import Refused, check_path, check_regular

MODE = 0o644  # of a file that is new
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it is: its SHA-256, permissions, and whose it is."""

    digest: str
    mode: int
    owner: tuple[int, int]


class Disk(Closing):
    """The folder `root`, held open. Every path is checked; all methods raise Refused for one that is not to be used."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._unsynced: set[tuple[str, ...]] = set()

    def close(self) -> None:
        """Let go of the root."""
        os.close(self._root)

    def find(self, path: str) -> Found | None:
        """The file at `path`; None where there is none."""
        with suppress(FileNotFoundError), self._folder(path) as (folder, name):
            check_regular(path, os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                check_regular(path, status.st_mode)
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return Found(digest, stat.S_IMODE(status.st_mode), (status.st_uid, status.st_gid))
        return None

    def missing_folders(self, path: str) -> tuple[str, ...]:
        """Folders above `path` that are not there, the outermost first."""
        parts = check_path(path)[:-1]
        for depth in range(len(parts)):
            try:
                with self._folder("/".join(parts[: depth + 1])) as (folder, name):
                    os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return tuple("/".join(parts[: end + 1]) for end in range(depth, len(parts)))
        return ()

    def stage(self, path: str, temporary: str, data: bytes, mode: int, owner: tuple[int, int] | None) -> None:
        """Write a temporary file beside `path`, durably, in the place of any that a dead process left."""
        self.discard(path, temporary)
        self._make_folders(path)
        with self._folder(path) as (folder, _):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
            with open(descriptor, "wb", buffering=0) as file:
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                if owner is not None and owner != (os.geteuid(), os.getegid()):
                    with suppress(PermissionError):  # who may not give a file away keeps it
                        os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)

    def publish(self, path: str, temporary: str, *, new: bool) -> None:
        """Rename the temporary file to `path`; where that is to be new, raises Refused if there is a file already."""
        with self._folder(path) as (folder, name):
            if new:
                try:
                    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                except FileExistsError:
                    raise Refused("edited", f"{path} was created meanwhile by somebody else") from None
                os.unlink(temporary, dir_fd=folder)
            else:
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        self._unsynced.add(check_path(path)[:-1])

    def remove(self, path: str) -> None:
        """Delete the file at `path`."""
        with self._folder(path) as (folder, name):
            os.unlink(name, dir_fd=folder)
        self._unsynced.add(check_path(path)[:-1])

    def discard(self, path: str, temporary: str) -> None:
        """Remove a temporary file beside `path`, if it is there."""
        with suppress(FileNotFoundError, Refused), self._folder(path) as (folder, _):
            os.unlink(temporary, dir_fd=folder)

    def remove_empty(self, folders: tuple[str, ...]) -> None:
        """Remove folders that were made for a file, the innermost first, unless something lies in them."""
        for path in reversed(folders):
            with suppress(OSError, Refused), self._folder(path) as (folder, name):
                os.rmdir(name, dir_fd=folder)
                self._unsynced.add(check_path(path)[:-1])

    def sync(self) -> None:
        """Make every rename since the last time durable."""
        for parts in sorted(self._unsynced, key=len, reverse=True):
            with suppress(FileNotFoundError, Refused), self._folder("/".join([*parts, "x"])) as (folder, _):
                os.fsync(folder)
        self._unsynced.clear()

    def _make_folders(self, path: str) -> None:
        for missing in self.missing_folders(path):
            with self._folder(missing) as (folder, name), suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
                os.fsync(folder)

    @contextmanager
    def _folder(self, path: str) -> Iterator[tuple[int, str]]:
        """The open folder that holds `path`, and the name in it. Raises FileNotFoundError, Refused."""
        *above, name = check_path(path)
        descriptor = os.dup(self._root)
        try:
            for part in above:
                try:
                    inner = os.open(part, _FOLDER, dir_fd=descriptor)
                except FileNotFoundError:
                    raise
                except OSError:
                    raise Refused("link", f"{path}: {part} is a symbolic link, or no folder that can be read") from None
                os.close(descriptor)
                descriptor = inner
            yield descriptor, name
        finally:
            os.close(descriptor)
