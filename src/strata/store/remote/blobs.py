"""Blobs and refs in a place that machines share, and what each operation promises whatever others do meanwhile.

Keys: `blobs/ab/<digest>`; `renewed/<digest>`, an empty file whose time counts as its blob's if it is the later one, so
that renewing costs the same for every size; `refs/<kind>/<name>`; `signs/...` (see `signs`).
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from strata.store.errors import BlobMissing
from strata.store.names import check_digest, check_name, is_digest
from strata.store.refs import ArtifactRef, RefEntry, parse_entry
from strata.store.remote.port import MARK, PIECE, Entry, Remote, gone
from strata.store.remote.signs import Clock, Signs

_A = TypeVar("_A")
_B = TypeVar("_B")
TOGETHER = 8  # requests under way at once
_AHEAD = 3  # pieces of a blob asked for before they are wanted


class SharedBlobs:
    """What a shared store holds. together: how many requests may be under way at once."""

    def __init__(self, remote: Remote, clock: Clock | None = None, together: int = TOGETHER) -> None:
        self.remote, self.signs = remote, Signs(remote, clock or Clock())
        self._together = together

    def find(self, digest: str) -> Entry | None:
        """The blob, if it is there."""
        return self.remote.stat(blob_key(digest))

    def get(self, digest: str) -> Entry:
        """The blob. Raises BlobMissing."""
        found = self.find(digest)
        if found is None:
            self._check_there()
            raise BlobMissing(digest, f"the store at {self.remote.url}")
        return found

    def put(self, digest: str, size: int, data: bytes | Path) -> None:
        """Have the blob be there, with these bytes, for a grace period at least. Writes nothing for a sound one."""
        if self._is_whole(digest, size):
            self._renew((digest,))
            doubted = self.signs.clear((digest,))
            if not doubted and self._is_whole(digest, size):
                return
        # Not there: whoever looked at it before it went, and would remove it now, has to be done first.
        doubted = self.signs.clear((digest,))
        self.remote.write(blob_key(digest), data)
        for each in doubted:
            self.signs.trust(each)

    def renew(self, digest: str) -> None:
        """Restart the blob's grace period. Raises BlobMissing."""
        self._renew((digest,))
        self.signs.clear((digest,))
        self.get(digest)

    def name(self, kind: str, name: str, entry: RefEntry) -> None:
        """Have the ref name these blobs. Raises BlobMissing, and changes nothing, where one is not there."""
        key, digests = ref_key(kind, name), {entry.digest, *entry.needs}
        with self.signs.naming(digests) as lease:
            self.signs.clear(digests)
            self.each(self.get, digests)
            self._renew(digests)
            lease.check()
            self.remote.write(key, entry.to_bytes())

    def ref(self, kind: str, name: str) -> RefEntry | None:
        """What the ref names; None where there is none. Raises RefCorrupt."""
        entry = self._read_ref(ref_key(kind, name))
        if entry is None:
            self._check_there()
        return entry

    def drop(self, kind: str, name: str) -> None:
        """Remove a ref if it is there."""
        self.remote.remove(ref_key(kind, name))

    def refs(self) -> list[tuple[ArtifactRef, RefEntry]]:
        """Every ref, ordered by kind and name. Raises RefCorrupt."""
        keys = sorted(
            tuple(entry.key.split("/")[1:]) for entry in self.remote.list("refs") if entry.key.count("/") == 2
        )
        if not keys:
            self._check_there()
        entries = self.each(lambda key: self._read_ref("/".join(("refs", *key))), keys)
        return [
            (ArtifactRef(entry.digest, *key), entry)
            for key, entry in zip(keys, entries, strict=True)
            if entry is not None  # None: removed since the listing
        ]

    def named(self) -> frozenset[str]:
        """Digests that a ref names."""
        return frozenset(digest for _, entry in self.refs() for digest in (entry.digest, *entry.needs))

    def blobs(self) -> dict[str, Entry]:
        """Every blob by its digest, with the second at which it was last written or renewed."""
        return self.survey()[1]

    def survey(self) -> tuple[dict[str, float], dict[str, Entry]]:
        """When each digest was last renewed, whether its blob is there or not; and `blobs`."""
        renewals = {_last(entry.key): entry.changed for entry in self.remote.list("renewed")}
        found = {_last(entry.key): entry for entry in self.remote.list("blobs")}
        blobs = {
            digest: Entry(entry.key, entry.size, max(entry.changed, renewals.get(digest, 0.0)))
            for digest, entry in found.items()
            if is_digest(digest)
        }
        return {digest: changed for digest, changed in renewals.items() if is_digest(digest)}, blobs

    def pieces(self, digest: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes of a blob from `start` to before `end`, some asked for ahead. Raises BlobMissing."""
        key, waiting = blob_key(digest), deque[Future[bytes | None]]()
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="fetch") as threads:
            for first in range(start, end, PIECE):
                waiting.append(threads.submit(self.remote.read, key, first, min(first + PIECE, end)))
                if len(waiting) >= _AHEAD:
                    yield self._arrived(digest, waiting.popleft())
            while waiting:
                yield self._arrived(digest, waiting.popleft())

    def hash(self, digest: str, size: int) -> str:
        """SHA-256 of the bytes that are there under this digest. Raises BlobMissing."""
        running = hashlib.sha256()
        for piece in self.pieces(digest, 0, size):
            running.update(piece)
        return running.hexdigest()

    def each(self, act: Callable[[_A], _B], items: Iterable[_A]) -> list[_B]:
        """What `act` returns for each, several at once. Raises what the first that fails raises."""
        work = list(items)
        if len(work) < 2 or self._together < 2:
            return [act(item) for item in work]
        with ThreadPoolExecutor(min(self._together, len(work)), thread_name_prefix="store") as threads:
            return list(threads.map(act, work))

    def _is_whole(self, digest: str, size: int) -> bool:
        found = self.find(digest)
        return found is not None and found.size == size

    def _renew(self, digests: Collection[str]) -> None:
        self.each(lambda digest: self.remote.write(renewal_key(digest), b""), digests)

    def _read_ref(self, key: str) -> RefEntry | None:
        data = self.remote.read(key, 0, PIECE)
        return None if data is None else parse_entry(data, f"{self.remote.url}/{key}")

    def _check_there(self) -> None:
        """Nothing found is an answer only where a store is: a folder may be unmounted, or a bucket gone."""
        if self.remote.stat(MARK) is None:
            raise gone(self.remote.url)

    def _arrived(self, digest: str, piece: "Future[bytes | None]") -> bytes:
        data = piece.result()
        if data is None:
            raise BlobMissing(digest, f"the store at {self.remote.url}")
        return data


def blob_key(digest: str) -> str:
    """Key of a blob; raises InvalidName."""
    return f"blobs/{check_digest(digest)[:2]}/{digest}"


def renewal_key(digest: str) -> str:
    """Key of the file whose time is that of a blob's last renewal; raises InvalidName."""
    return f"renewed/{check_digest(digest)}"


def ref_key(kind: str, name: str) -> str:
    """Key of a ref; raises InvalidName."""
    return f"refs/{check_name(kind)}/{check_name(name)}"


def _last(key: str) -> str:
    return key.rpartition("/")[2]
