"""A folder that several machines mount, as the place of a shared store (`file://`): durable, unlike fsspec's.

The file system has to show at once what another machine did. NFS does with `noac` or `lookupcache=none,actimeo=0`.
"""

import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from strata.files import replace, staged, sync_folder
from strata.store.remote.port import MARK, Entry, RemoteError, gone

_MODE = 0o644  # other accounts on other machines read it; the umask says what they may not


class FolderRemote:
    """A `Remote` over the folder `root`, which is made when it is first written to."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._arriving = root / "arriving"
        self.url = f"file://{root}"

    def stat(self, key: str) -> Entry | None:
        """See `Remote`."""
        with self._told("look at", key), suppress(FileNotFoundError):
            return self._entry(self._root / key)
        return None

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes | None:
        """See `Remote`."""
        with self._told("read", key), suppress(FileNotFoundError), (self._root / key).open("rb") as file:
            file.seek(start)
            return file.read() if end is None else file.read(max(0, end - start))
        return None

    def write(self, key: str, data: bytes | Path) -> None:
        """See `Remote`. Where the folder is not mounted, nothing is written into the one below it."""
        if key != MARK and self.stat(MARK) is None:
            raise gone(self.url)
        with self._told("write", key), _bytes_of(data) as view, staged(self._arriving, view, _MODE) as file:
            replace(file, self._root / key)

    def remove(self, key: str) -> None:
        """See `Remote`."""
        path = self._root / key
        with self._told("remove", key), suppress(FileNotFoundError):
            path.unlink()
            sync_folder(path.parent)

    def list(self, folder: str) -> list[Entry]:
        """See `Remote`."""
        found = []
        with self._told("list", folder):
            for path in sorted((self._root / folder).rglob("*")):
                with suppress(FileNotFoundError):  # removed since
                    if path.is_file():
                        found.append(self._entry(path))
        return found

    def sweep(self, before: float, *, dry_run: bool) -> tuple[int, int]:
        """See `Remote`."""
        old = [entry for entry in self.list(self._arriving.name) if entry.changed < before]
        for entry in () if dry_run else old:
            self.remove(entry.key)
        return len(old), sum(entry.size for entry in old)

    def _entry(self, path: Path) -> Entry:
        status = path.stat()
        return Entry(path.relative_to(self._root).as_posix(), status.st_size, status.st_mtime)

    @contextmanager
    def _told(self, what: str, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            advice = "see that the folder is mounted, that this account may use it and that there is room"
            raise RemoteError(f"cannot {what} {key} in the store at {self.url}: {error.strerror}; {advice}") from error


@contextmanager
def _bytes_of(data: bytes | Path) -> Iterator[memoryview]:
    if isinstance(data, bytes):
        yield memoryview(data)
        return
    with data.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            yield memoryview(b"")
            return
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))  # unmapped with its last reader
