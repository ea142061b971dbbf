"""Where a store can lie: a folder of this machine, or a place that machines share; and what can happen to it there."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from strata.store import Store
from strata.store.remote import FolderRemote, Remote, prepare
from strata.store.remote.blobs import SharedBlobs, blob_key, ref_key
from strata.store.shared import SharedStore


@dataclass
class Place:
    """folder: for the folders of machines. remote: None for a store of one machine.

    turn_back: has what is in the shared place be older by so many seconds.
    """

    folder: Path
    remote: Remote | None = None
    turn_back: Callable[[float], None] = lambda seconds: None
    machines: int = 0

    def machine(self) -> Store:
        """The store as another machine opens it, which has nothing of it yet; or as another process does."""
        if self.remote is None:
            return Store(self.folder)
        self.machines += 1
        return SharedStore(self.folder / f"machine{self.machines}", SharedBlobs(prepare(self.remote)))

    def spoil(self, digest: str) -> None:
        """Turn over one bit in the midst of a blob."""
        data = bytearray(self._read(digest))
        data[len(data) // 2] ^= 1
        self._write(digest, bytes(data))

    def cut(self, digest: str) -> None:
        """Have a blob lack its last byte."""
        self._write(digest, self._read(digest)[:-1])

    def lose(self, digest: str) -> None:
        """Have a blob be gone."""
        if self.remote is None:
            Store(self.folder).layout.blob(digest).unlink()
        else:
            self.remote.remove(blob_key(digest))

    def damage(self, kind: str, name: str, data: bytes) -> None:
        """Have a ref be something else."""
        if self.remote is None:
            Store(self.folder).layout.ref(kind, name).write_bytes(data)
        else:
            self.remote.write(ref_key(kind, name), data)

    def age(self, seconds: float) -> None:
        """Have everything be older, on all machines."""
        set_back(self.folder, seconds)
        self.turn_back(seconds)

    def temporary(self) -> list[str]:
        """What is there only while somebody writes."""
        found = [str(path) for path in self.folder.rglob("*") if path.parent.name in ("staging", "partial", "arriving")]
        signs = [] if self.remote is None else [entry.key for entry in self.remote.list("signs")]
        return found + signs

    def _read(self, digest: str) -> bytes:
        if self.remote is None:
            return Store(self.folder).layout.blob(digest).read_bytes()
        data = self.remote.read(blob_key(digest))
        assert data is not None
        return data

    def _write(self, digest: str, data: bytes) -> None:
        if self.remote is None:
            Store(self.folder).layout.blob(digest).write_bytes(data)
        else:
            self.remote.write(blob_key(digest), data)


def set_back(folder: Path, seconds: float) -> None:
    """Have all files in a folder be older."""
    for path in folder.rglob("*"):
        if path.is_file():
            then = path.stat().st_mtime - seconds
            os.utime(path, (then, then))


def local(folder: Path) -> Place:
    """A store of one machine."""
    return Place(folder / "store")


def mounted(folder: Path) -> Place:
    """A folder that several machines mount."""
    share = folder / "share"
    return Place(folder / "machines", FolderRemote(share), lambda seconds: set_back(share, seconds))


def in_memory(folder: Path) -> Place:
    """fsspec's file system in the memory of this process, one of its own."""
    from fsspec.implementations.memory import MemoryFileSystem

    from strata.store.remote.objects import FsspecRemote

    fs = MemoryFileSystem(global_store=False, skip_instance_cache=True)

    def turn_back(seconds: float) -> None:
        for file in fs.store.values():
            file.created -= timedelta(seconds=seconds)

    return Place(folder, FsspecRemote(fs, "/store", "memory://store"), turn_back)


def moved(folder: Path) -> Place:
    """A file system whose files are written aside and moved, as those that are no object stores are."""
    from fsspec.implementations.local import LocalFileSystem

    from strata.store.remote.objects import FsspecRemote

    share = folder / "moved"
    share.mkdir()
    fs = LocalFileSystem(auto_mkdir=False, skip_instance_cache=True)
    remote = FsspecRemote(fs, str(share), f"local://{share}")
    return Place(folder / "machines", remote, lambda seconds: set_back(share, seconds))


def in_bucket(folder: Path, bucket: str) -> Place:
    """A bucket of the S3 server in this process that the environment names."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    from strata.store.remote import open_remote

    def turn_back(seconds: float) -> None:
        for key in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.values():
            key.last_modified -= timedelta(seconds=seconds)

    return Place(folder, open_remote(f"s3://{bucket}/some/prefix"), turn_back)
