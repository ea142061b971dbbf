"""The header of a GGUF file: metadata and tensor shapes, in a single bounded pass that stops before the first weight.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md (versions 2 and 3, little-endian). The `gguf` package
has a reader, but it builds an object for every entry of the tokenizer, which takes seconds; here long arrays are only
counted.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from strata.inference.models.checkpoint import CheckpointError

Scalar = int | float | bool | str
Value = Scalar | tuple[Scalar, ...]

MAX_ENTRIES = 1 << 20
MAX_STRING_BYTES = 1 << 24  # chat templates are metadata too
MAX_KEPT_ITEMS = 1 << 12  # per-layer arrays are kept, vocabularies are not
MAX_RANK = 8

_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


@dataclass(frozen=True)
class GgufHeader:
    """metadata: scalars, strings and short arrays of numbers; lengths: number of items of every array;
    shapes: tensor name -> shape, in the order of the row-major layout (rows first)."""

    metadata: Mapping[str, Value]
    lengths: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]


def read_gguf_header(path: Path) -> GgufHeader:
    """Read the header of `path`; raises CheckpointError where it is not a complete GGUF header."""
    try:
        with path.open("rb") as stream:
            return _Reader(path, stream).header()
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error


class _Reader:
    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream

    def header(self) -> GgufHeader:
        if self._take(4) != b"GGUF" or self._number(4) not in {2, 3}:
            raise self._fault("not a GGUF file of version 2 or 3")
        tensors, entries = self._count(), self._count()
        metadata: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for _ in range(entries):
            key, kind = self._string(), int(self._number(4))
            if kind == _ARRAY:
                items, lengths[key] = self._array()
                if items is not None:
                    metadata[key] = items
            else:
                metadata[key] = self._string() if kind == _STRING else self._number(kind)
        shapes: dict[str, tuple[int, ...]] = {}
        for _ in range(tensors):
            name, rank = self._string(), int(self._number(4))
            if rank > MAX_RANK or name in shapes:
                raise self._fault(f"tensor {name!r} is described twice or has {rank} dimensions")
            shapes[name] = tuple(int(self._number(10)) for _ in range(rank))[::-1]
            self._take(12)  # the type and the offset of the values
        return GgufHeader(metadata, lengths, shapes)

    def _array(self) -> tuple[tuple[Scalar, ...] | None, int]:
        kind, count = int(self._number(4)), int(self._number(10))
        if kind == _STRING:
            if count > MAX_ENTRIES * 4:
                raise self._fault(f"an array has {count} strings")
            for _ in range(count):
                self._skip(int(self._number(10)))
            return None, count
        size = self._size(kind)
        if count <= MAX_KEPT_ITEMS:
            return struct.unpack(f"<{count}{_FORMATS[kind]}", self._take(count * size)), count
        self._skip(count * size)
        return None, count

    def _size(self, kind: int) -> int:
        if kind not in _FORMATS:
            raise self._fault(f"unknown value type {kind}")
        return struct.calcsize("<" + _FORMATS[kind])

    def _number(self, kind: int) -> Scalar:
        size = self._size(kind)
        value: Scalar = struct.unpack("<" + _FORMATS[kind], self._take(size))[0]
        return value

    def _count(self) -> int:
        count = int(self._number(10))
        if count > MAX_ENTRIES:
            raise self._fault(f"{count} entries")
        return count

    def _string(self) -> str:
        length = int(self._number(10))
        if length > MAX_STRING_BYTES:
            raise self._fault(f"a string of {length} bytes")
        return self._take(length).decode("utf-8", errors="replace")

    def _skip(self, count: int) -> None:
        while count > 0:
            count -= len(self._take(min(count, 1 << 20)))

    def _take(self, count: int) -> bytes:
        taken = self._stream.read(count)
        if len(taken) != count:
            raise self._fault("it ends inside its header")
        return taken

    def _fault(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self._path}: {what}")
