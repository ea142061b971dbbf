"""The bytes of many small files in one blob of the store, since each blob by itself costs several syncs of the disk.

A line of JSON, {SHA-256 of a piece in hex: [offset, bytes]}, counted from its end; then the pieces.
"""

import hashlib
import json
from collections.abc import Iterable

from strata.store import BlobCorrupt, MigrationStep, Store


class Packs:
    """Packs in a store; the one that was read last is held."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: tuple[str, dict[str, list[int]], memoryview] | None = None

    def put(self, pieces: Iterable[bytes]) -> str:
        """Store the pieces, durably; returns the digest of the blob."""
        by_digest = {hashlib.sha256(piece).hexdigest(): piece for piece in pieces}
        index, position = {}, 0
        for digest, piece in by_digest.items():
            index[digest] = [position, len(piece)]
            position += len(piece)
        return self._store.put(b"".join([json.dumps(index).encode(), b"\n", *by_digest.values()]))

    def read(self, step: MigrationStep, digest: str) -> bytes:
        """A piece of the pack that the step's bytes are in. Raises BlobMissing, BlobCorrupt."""
        if self._open is None or self._open[0] != step.pack:
            if step.pack is None:
                raise BlobCorrupt(digest, f"the step {step.name} has no bytes in the store")
            head, _, body = self._store.read(step.pack).partition(b"\n")
            self._open = (step.pack, json.loads(head), memoryview(body))
        _, index, pieces = self._open
        if digest not in index:
            raise BlobCorrupt(digest, f"it is not in the pack {step.pack}")
        offset, length = index[digest]
        return bytes(pieces[offset : offset + length])
