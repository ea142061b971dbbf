"""Any file system that fsspec knows, S3 before all, as the place of a shared store.

Credentials are found by the file system's own library (for S3: botocore, from its environment variables, files or the
machine's role), and are never seen here. What fsspec remembers of listings is switched off: others change them.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from fsspec import AbstractFileSystem

from strata.store.remote.port import Entry, RemoteError

_T = TypeVar("_T")
# A file of these appears when it has all its bytes: a put of theirs is one request, or an upload that is completed.
_ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "memory"})
# Under which name a file system says when a file was last written: the first that is there.
_TIMES = ("LastModified", "mtime", "last_modified", "updated", "created")
_ARRIVING = "arriving"


class FsspecRemote:
    """A `Remote` over `root`, a path in the file system. url: for messages.

    Where a put does not appear at once, files are written aside and moved. Raises RemoteError where neither can be.
    """

    def __init__(self, fs: AbstractFileSystem, root: str, url: str) -> None:
        self._fs, self._root, self.url = fs, root.rstrip("/"), url
        names = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
        self._atomic = not _ATOMIC.isdisjoint(names)
        self._prefixed = "s3" in names
        if not self._atomic and type(fs).mv is AbstractFileSystem.mv:
            raise RemoteError(f"{url}: {names[0]} cannot move a file into its place at once; use S3 or a shared folder")

    def stat(self, key: str) -> Entry | None:
        """See `Remote`."""
        return self._try("look at", key, lambda path: self._entry(self._fs.info(path)))

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes | None:
        """See `Remote`."""
        return self._try("read", key, lambda path: self._read(path, start, end))

    def write(self, key: str, data: bytes | Path) -> None:
        """See `Remote`."""
        self._try(
            "write",
            key,
            lambda path: self._write(path, data),
            absent="the bucket or folder is not there; make it first",
        )

    def remove(self, key: str) -> None:
        """See `Remote`."""
        self._try("remove", key, self._fs.rm_file)

    def list(self, folder: str) -> list[Entry]:
        """See `Remote`."""
        below = f"{self._path(folder)}/"
        found = self._try("list", folder, self._found) or {}
        return sorted(
            (self._entry(info) for name, info in found.items() if name.startswith(below)), key=lambda entry: entry.key
        )

    def sweep(self, before: float, *, dry_run: bool) -> tuple[int, int]:
        """See `Remote`. Uploads to S3 that nobody completes are for a rule of the bucket's life cycle to end."""
        old = [entry for entry in self.list(_ARRIVING) if entry.changed < before]
        for entry in () if dry_run else old:
            self.remove(entry.key)
        return len(old), sum(entry.size for entry in old)

    def _found(self, path: str) -> dict[str, dict[str, Any]]:
        if self._prefixed:  # one request, where another would follow that asks for a file of the folder's name
            parent, _, name = path.rpartition("/")
            return dict(self._fs.find(parent, detail=True, prefix=f"{name}/"))
        return dict(self._fs.find(path, detail=True))

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _read(self, path: str, start: int, end: int | None) -> bytes:
        if end is not None and end <= start:  # S3 has no such range
            self._fs.info(path)
            return b""
        try:
            return bytes(self._fs.cat_file(path, start=start, end=end))
        except FileNotFoundError:
            raise
        except OSError:
            if int(self._fs.info(path)["size"]) > start:
                raise
            return b""  # S3 takes a range behind the end, as any is of an empty file, for a mistake

    def _write(self, path: str, data: bytes | Path) -> None:
        target = path if self._atomic else f"{self._path(_ARRIVING)}/{secrets.token_hex(16)}"
        if not self._atomic:
            for each in (path, target):
                self._fs.makedirs(each.rpartition("/")[0], exist_ok=True)
        if isinstance(data, Path):
            self._fs.put_file(os.fspath(data), target)
        else:
            self._fs.pipe_file(target, data)
        if target != path:
            self._fs.mv(target, path)

    def _entry(self, info: dict[str, Any]) -> Entry:
        return Entry(info["name"].removeprefix(f"{self._root}/"), int(info["size"]), _changed(info, self.url))

    def _try(self, what: str, key: str, act: Callable[[str], _T], absent: str | None = None) -> _T | None:
        """What `act` returns, None where the file is not there. Raises RemoteError for whatever else it raises."""
        try:
            with suppress(*(() if absent else (FileNotFoundError,))):
                return act(self._path(key))
        except RemoteError:
            raise
        except FileNotFoundError as error:
            raise RemoteError(f"cannot {what} {key} in the store at {self.url}: {absent}") from error
        except Exception as error:  # botocore's, aiohttp's and others' have no base in common
            raise RemoteError(f"cannot {what} {key} in the store at {self.url}: {_said(error)}") from error
        return None


def _changed(info: dict[str, Any], url: str) -> float:
    for name in _TIMES:
        match info.get(name):
            case datetime() as moment:
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            case int() | float() as seconds:
                return float(seconds)
    raise RemoteError(f"{url} does not say when a file was written, which a shared store needs to know; use S3")


def _said(error: Exception) -> str:
    """What went wrong and what to do; the first line of what a library says, which has no secrets in it."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if isinstance(error, PermissionError) or type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return f"{first}; see that the credentials in the environment are right and may read, write, list and remove"
    return f"{first}; see that STRATA_STORE_URL is right and that the server can be reached"
