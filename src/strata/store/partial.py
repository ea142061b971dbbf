"""A blob that arrives piece by piece and survives the death of its writer."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from strata.files import locked, make_folder, replace, try_lock
from strata.store.errors import BlobCorrupt, PartialBusy, StoreError
from strata.store.layout import Layout

STEP = 1 << 20  # bytes hashed at a time: fits the second-level cache


class PartialBlob:
    """The only writer of the blob `digest` of `size` bytes; continues at `offset`, where the last writer broke off.

    The bytes already there are hashed once when it is opened, the others as they come, so `commit` reads nothing again.
    Leaving the context without `commit` keeps what has been written for the next writer. Raises PartialBusy when
    somebody else has it open. published: is told of the blob when it is in its place, before `commit` returns.
    """

    def __init__(self, layout: Layout, digest: str, size: int, published: Callable[[Path], None] | None = None) -> None:
        if size < 0:
            raise StoreError(f"a blob cannot have {size} bytes")
        self.digest, self.size = digest, size
        self._layout, self._published = layout, published
        self._path = layout.partial(digest)
        make_folder(layout.partials)
        self._file = self._claim()
        self._hash = hashlib.sha256()
        self.offset = self._resume()

    def _claim(self) -> FileIO:
        # Under the store's lock, or the collector might unlink the file between our opening and locking it.
        with locked(self._layout.lock, exclusive=False):
            while True:
                file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")
                if not try_lock(file.fileno()):
                    file.close()
                    raise PartialBusy(self.digest)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(file.fileno()), self._path.stat()):
                        os.utime(self._path)
                        return file
                file.close()  # its last writer put it in its place, as the blob, before we had the lock: begin anew

    def _resume(self) -> int:
        if os.fstat(self._file.fileno()).st_size > self.size:
            self._file.truncate(0)  # a leftover of another size than now announced is of no use
        buffer = memoryview(bytearray(STEP))
        offset = 0
        while count := self._file.readinto(buffer):
            self._hash.update(buffer[:count])
            offset += count
        return offset

    def write(self, chunk: bytes | memoryview) -> None:
        """Append `chunk`; raises StoreError when that would exceed the announced size."""
        view = memoryview(chunk).cast("B")
        if self.offset + len(view) > self.size:
            raise StoreError(f"blob {self.digest}: {self.offset + len(view)} bytes offered, {self.size} announced")
        while view:
            count = self._file.write(view)
            self._hash.update(view[:count])
            self.offset += count
            view = view[count:]

    def commit(self) -> None:
        """Put the blob in its place, durably; raises BlobCorrupt, and discards them, when the bytes are wrong."""
        if self.offset != self.size or self._hash.hexdigest() != self.digest:
            reason = f"{self.offset} of {self.size} bytes" if self.offset != self.size else "its SHA-256 differs"
            self._path.unlink()
            self._file.close()
            raise BlobCorrupt(self.digest, f"{reason}; what had arrived was discarded")
        os.fsync(self._file.fileno())
        with locked(self._layout.lock, exclusive=False):
            os.utime(self._path)
            replace(self._path, self._layout.blob(self.digest))
        self._file.close()
        if self._published is not None:
            self._published(self._layout.blob(self.digest))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
