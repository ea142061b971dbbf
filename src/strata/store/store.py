"""The content-addressed store: a folder that many processes may use at once.

Invariants, at every instant and after a kill at any point:

- a file under `blobs/` is complete; it was renamed there after an fsync;
- a ref names a blob that is there, and so are the blobs it needs;
- the collector removes a blob only when no ref or root names it, and nobody put or renewed it in the grace period.

Writers publish under a shared lock, the collector works under the exclusive one.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from strata.files import locked, replace, staged, sync_folder
from strata.store import refs
from strata.store.errors import BlobCorrupt, BlobMissing
from strata.store.layout import Layout
from strata.store.partial import STEP, PartialBlob
from strata.store.refs import ArtifactRef, RefEntry
from strata.store.sweep import GcReport, VerifyReport, collect, hash_file, verify


class Store:
    """Blobs by SHA-256 and refs to them. Holds no state of its own: any number of instances may share a folder."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)

    @property
    def url(self) -> str | None:
        """Where it is, if machines share it; None for a folder of this machine."""
        return None

    def has(self, digest: str) -> bool:
        """Whether the blob is there. It may be collected later: who goes on to name it calls `renew`."""
        return self.layout.blob(digest).exists()

    def renew(self, digest: str) -> None:
        """Restart a blob's grace period, before a ledger pointer is moved to it. Raises BlobMissing."""
        with locked(self.layout.lock, exclusive=False):
            self._renew(digest)

    def put(self, data: bytes) -> str:
        """Store `data`; returns its digest. Mends a corrupt blob of the same digest, writes nothing for a sound one."""
        digest = hashlib.sha256(data).hexdigest()
        path = self.layout.blob(digest)
        with locked(self.layout.lock, exclusive=False):
            if _same(path, data):
                os.utime(path)
                sync_folder(path.parent)  # who wrote it may not have come so far yet
                return digest
        with staged(self.layout.staging, data) as file, locked(self.layout.lock, exclusive=False):
            replace(file, path)
        return digest

    def put_artifact(self, data: bytes, kind: str, name: str) -> ArtifactRef:
        """Store `data` and point the ref `kind`/`name` at it."""
        self.layout.ref(kind, name)  # refuse a bad name before writing anything
        return self.set_ref(kind, name, self.put(data))

    def read(self, digest: str) -> bytes:
        """The whole blob, verified. Raises BlobMissing, BlobCorrupt."""
        with self.open(digest) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != digest:
            raise BlobCorrupt(digest, "its SHA-256 differs; remove it and fetch or produce it again")
        return data

    def read_into(self, digest: str, buffers: Iterable[memoryview]) -> None:
        """Fill the buffers (together exactly the blob's size) without a second copy, verifying on the way.

        Each is full when the next is asked for, so they may share memory. Raises BlobMissing, BlobCorrupt; after an
        error their content means nothing.
        """
        running, expected = hashlib.sha256(), 0
        with self.open(digest) as file:
            size = os.fstat(file.fileno()).st_size
            for buffer in buffers:
                view = buffer.cast("B")
                expected += len(view)
                while view and (count := os.readv(file.fileno(), [view[:STEP]])):
                    running.update(view[:count])
                    view = view[count:]
        if size != expected:
            raise BlobCorrupt(digest, f"{size} bytes on disk, {expected} expected")
        if running.hexdigest() != digest:
            raise BlobCorrupt(digest, "its SHA-256 differs; remove it and fetch or produce it again")

    def open(self, digest: str) -> BinaryIO:
        """The blob as a seekable file, unverified. Raises BlobMissing."""
        try:
            return self.layout.blob(digest).open("rb")
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    def path(self, digest: str) -> Path:
        """The blob as a file of this machine, unverified, not to be written to. Raises BlobMissing."""
        path = self.layout.blob(digest)
        if not path.exists():
            raise BlobMissing(digest)
        return path

    def size(self, digest: str) -> int:
        """Bytes of the blob. Raises BlobMissing."""
        try:
            return self.layout.blob(digest).stat().st_size
        except FileNotFoundError:
            raise BlobMissing(digest) from None

    def check(self, digest: str) -> int:
        """Read the blob to verify it; returns its bytes. Raises BlobMissing, BlobCorrupt."""
        try:
            found, size = hash_file(self.layout.blob(digest))
        except FileNotFoundError:
            raise BlobMissing(digest) from None
        if found != digest:
            raise BlobCorrupt(digest, "its SHA-256 differs; remove it and fetch or produce it again")
        return size

    def partial(self, digest: str, size: int) -> PartialBlob:
        """Begin or continue to receive a blob in pieces. Raises PartialBusy."""
        return PartialBlob(self.layout, digest, size)

    def set_ref(self, kind: str, name: str, digest: str, needs: Iterable[str] = ()) -> ArtifactRef:
        """Point `kind`/`name` at a blob. `needs` are blobs to be kept along with it, such as the tensors of a manifest.

        Raises BlobMissing when any of them is not in the store, and changes nothing then.
        """
        ref, entry = ArtifactRef(digest, kind, name), RefEntry(digest, tuple(needs))
        path = self.layout.ref(kind, name)
        with staged(self.layout.staging, entry.to_bytes()) as file, locked(self.layout.lock, exclusive=False):
            for blob in (entry.digest, *entry.needs):
                self._renew(blob)
            replace(file, path)
        return ref

    def ref(self, kind: str, name: str) -> ArtifactRef | None:
        """Where `kind`/`name` points, or None. Raises RefCorrupt."""
        entry = refs.read_entry(self.layout.ref(kind, name))
        return ArtifactRef(entry.digest, kind, name) if entry else None

    def drop_ref(self, kind: str, name: str) -> None:
        """Remove a ref if it is there; its blobs go with a later `gc` unless something else names them."""
        path = self.layout.ref(kind, name)
        with locked(self.layout.lock, exclusive=False):
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)

    def refs(self) -> Iterator[ArtifactRef]:
        """Every ref, ordered by kind and name. Raises RefCorrupt."""
        return (ref for ref, _ in refs.iterate(self.layout))

    def gc(self, grace_seconds: float = 3600, roots: Iterable[str] = (), *, dry_run: bool = False) -> GcReport:
        """Remove blobs that no ref and none of `roots` (the ledger's digests) names, and what dead writers left behind.

        Only what is older than `grace_seconds`; 0 is for a store that nobody is writing to. Raises RefCorrupt and
        removes nothing when a ref cannot be read.
        """
        return collect(self.layout, grace_seconds, frozenset(roots), dry_run=dry_run)

    def verify(self, roots: Iterable[str] = ()) -> VerifyReport:
        """Read every blob; name the corrupt ones, and the missing ones that a ref or root names. Removes nothing."""
        return verify(self.layout, frozenset(roots))

    def _renew(self, digest: str) -> None:
        try:
            os.utime(self.layout.blob(digest))
        except FileNotFoundError:
            raise BlobMissing(digest) from None


def _same(path: Path, data: bytes) -> bool:
    """Whether the file holds exactly `data`: cheaper than hashing it, and it finds rot."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != len(data):
                return False
            return all(file.read(STEP) == data[start : start + STEP] for start in range(0, len(data), STEP))
    except FileNotFoundError:
        return False
