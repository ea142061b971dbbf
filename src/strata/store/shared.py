"""A store that several machines share: the place that its URL names is the truth, this machine's folder a cache of it.

Writing goes through: a blob is in the shared place, complete, before anything can name it. Reading takes what is here,
and first fetches what is not, verified. Names are in the shared place only. What is here can be lost at any time; where
it has rotted, it is fetched anew.
"""

import fcntl
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from strata.store.errors import BlobCorrupt, BlobMissing, PartialBusy
from strata.store.partial import PartialBlob
from strata.store.refs import ArtifactRef, RefEntry
from strata.store.remote import RemoteError
from strata.store.remote.blobs import SharedBlobs
from strata.store.remote.collecting import collect_shared, verify_shared
from strata.store.store import Store
from strata.store.sweep import GcReport, VerifyReport, hash_file

_T = TypeVar("_T")


class SharedStore(Store):
    """A `Store` whose truth is elsewhere; root: this machine's folder. Every method raises RemoteError too."""

    def __init__(self, root: Path, blobs: SharedBlobs) -> None:
        super().__init__(root)
        self.shared = blobs

    @property
    def url(self) -> str | None:
        """See `Store`."""
        return self.shared.remote.url

    def has(self, digest: str) -> bool:
        """Whether the blob is in the shared place."""
        return self.shared.find(digest) is not None

    def renew(self, digest: str) -> None:
        """See `Store`."""
        self.shared.renew(digest)

    def put(self, data: bytes) -> str:
        """See `Store`. Returns when the blob is in the shared place."""
        digest = super().put(data)
        self.shared.put(digest, len(data), data)
        return digest

    def read(self, digest: str) -> bytes:
        """See `Store`."""
        self._fetch(digest)
        return self._sound(digest, lambda: super(SharedStore, self).read(digest))

    def read_into(self, digest: str, buffers: Iterable[memoryview]) -> None:
        """See `Store`. Where this machine's copy had rotted BlobCorrupt is raised, and the next reader has another."""
        try:
            super().read_into(digest, buffers)
        except BlobCorrupt:
            self._drop_rotten(digest)
            raise

    def open(self, digest: str) -> BinaryIO:
        """See `Store`."""
        self._fetch(digest)
        return super().open(digest)

    def path(self, digest: str) -> Path:
        """See `Store`."""
        self._fetch(digest)
        return super().path(digest)

    def size(self, digest: str) -> int:
        """See `Store`."""
        with suppress(BlobMissing):
            return super().size(digest)
        return self.shared.get(digest).size

    def check(self, digest: str) -> int:
        """Have the blob here and verified, and see that it is in the shared place too, in full."""
        there = self.shared.get(digest)
        self._fetch(digest)
        size = self._sound(digest, lambda: self.check_here(digest))
        if there.size != size:
            raise self._corrupt(digest, f"it has {there.size} bytes instead of {size}")
        return size

    def check_here(self, digest: str) -> int:
        """Verify this machine's copy; returns its bytes. Raises BlobMissing, BlobCorrupt."""
        return super().check(digest)

    def partial(self, digest: str, size: int) -> PartialBlob:
        """See `Store`. Its `commit` returns when the blob is in the shared place."""
        return PartialBlob(self.layout, digest, size, lambda path: self.shared.put(digest, size, path))

    def set_ref(self, kind: str, name: str, digest: str, needs: Iterable[str] = ()) -> ArtifactRef:
        """See `Store`."""
        ref = ArtifactRef(digest, kind, name)
        self.shared.name(kind, name, RefEntry(digest, tuple(needs)))
        return ref

    def ref(self, kind: str, name: str) -> ArtifactRef | None:
        """See `Store`."""
        entry = self.shared.ref(kind, name)
        return ArtifactRef(entry.digest, kind, name) if entry else None

    def drop_ref(self, kind: str, name: str) -> None:
        """See `Store`."""
        self.shared.drop(kind, name)

    def refs(self) -> Iterator[ArtifactRef]:
        """See `Store`."""
        return (ref for ref, _ in self.shared.refs())

    def gc(self, grace_seconds: float = 3600, roots: Iterable[str] = (), *, dry_run: bool = False) -> GcReport:
        """See `Store`. Collects the shared place, and removes from this machine's folder what is not there any more.

        Others may write meanwhile: a ref names what is there even with a grace of 0. The time is the shared place's.
        """
        report = collect_shared(self.shared, grace_seconds, frozenset(roots), dry_run=dry_run)
        here = super().gc(grace_seconds, self.shared.blobs().keys(), dry_run=dry_run)
        return replace(report, leftovers=report.leftovers + here.leftovers)

    def verify(self, roots: Iterable[str] = ()) -> VerifyReport:
        """See `Store`. Reads the shared place; who puts again what is corrupt there writes its bytes."""
        return verify_shared(self.shared, frozenset(roots))

    def _fetch(self, digest: str) -> None:
        """Have the blob in this machine's folder. Raises BlobMissing, and BlobCorrupt for what is shared and wrong."""
        begun, again = 0, False
        while not self.layout.blob(digest).exists():
            size = self.shared.get(digest).size
            try:
                with super().partial(digest, size) as part:
                    begun = part.offset
                    for piece in self.shared.pieces(digest, begun, size):
                        part.write(piece)
                    part.commit()
            except PartialBusy:
                self._wait_for_other(digest)
            except BlobCorrupt as error:
                if begun and not again:
                    again = True  # what had been fetched before may have been at fault: all of it anew
                    continue
                with suppress(RemoteError):  # who may only read cannot leave a sign
                    self.shared.signs.doubt(digest)
                raise self._corrupt(digest, "its SHA-256 differs") from error

    def _wait_for_other(self, digest: str) -> None:
        """Until whoever on this machine is fetching the blob has ended, in whatever way."""
        with suppress(FileNotFoundError), self.layout.partial(digest).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def _sound(self, digest: str, ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except BlobCorrupt:
            self._drop_rotten(digest)
            self._fetch(digest)
            return ask()

    def _drop_rotten(self, digest: str) -> None:
        path = self.layout.blob(digest)
        with suppress(FileNotFoundError):
            if hash_file(path)[0] != digest:
                path.unlink()

    def _corrupt(self, digest: str, how: str) -> BlobCorrupt:
        return BlobCorrupt(digest, f"{how} in the store at {self.url}; put it again from where it was made")
