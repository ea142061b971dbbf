"""A model on disk by tensor: which bytes of which file each one is, without loading any.

Reads the safetensors format (https://github.com/huggingface/safetensors#format): eight bytes of header length, a JSON
header, then the tensors' bytes back to back. A checkpoint is a folder with `config.json` and either `model.safetensors`
or `model.safetensors.index.json` that names several such files.

Headers come from strangers, so the parser is strict: lengths are bounded, names are unique, every tensor's byte range
has the size its type and shape imply, and ranges neither overlap, nor leave holes, nor end outside the file.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from strata.errors import StrataError

MAX_HEADER_BYTES = 100_000_000  # the reference implementation's own limit
MAX_TENSOR_RANK = 16
MAX_TENSOR_BYTES = 1 << 48

DTYPE_BYTES: Mapping[str, int] = MappingProxyType(
    {
        "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1,
        "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1,
    }
)  # fmt: skip


class CheckpointError(StrataError):
    """The checkpoint is missing, or its headers do not describe its bytes."""


@dataclass(frozen=True)
class TensorEntry:
    """Where one tensor's bytes lie: `nbytes` bytes from `offset` of `file`, little-endian, row-major."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: Path
    offset: int
    nbytes: int


@dataclass(frozen=True)
class Checkpoint:
    """A model folder: the bytes of its configuration and a map from tensor name to byte range."""

    path: Path
    config: bytes
    tensors: Mapping[str, TensorEntry]

    @classmethod
    def open(cls, path: Path) -> "Checkpoint":
        """Read the headers of the checkpoint in folder `path`; raises CheckpointError."""
        try:
            config = (path / "config.json").read_bytes()
            json.loads(config)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{path}: no readable config.json ({error})") from error
        tensors: dict[str, TensorEntry] = {}
        for file, names in _files(path).items():
            entries = read_header(file)
            missing = (names or set()) - entries.keys()
            if missing:
                raise CheckpointError(f"{file}: the index promises tensor {min(missing)!r}, which is not there")
            for name in names if names is not None else entries:
                tensors[name] = entries[name]
        return cls(path, config, MappingProxyType(dict(sorted(tensors.items()))))

    @cached_property
    def total_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(entry.nbytes for entry in self.tensors.values())

    def __getitem__(self, name: str) -> TensorEntry:
        """Return the entry of tensor `name`; raises CheckpointError when there is none."""
        try:
            return self.tensors[name]
        except KeyError:
            raise CheckpointError(f"{self.path}: no tensor {name!r}") from None

    def read_chunks(self, name: str, start: int = 0, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
        """Yield tensor `name`'s bytes from byte `start` in pieces of at most `chunk_bytes`, one held at a time."""
        entry = self[name]
        with entry.file.open("rb") as file:
            file.seek(entry.offset + start)
            remaining = entry.nbytes - start
            while remaining > 0:
                chunk = file.read(min(chunk_bytes, remaining))
                if not chunk:
                    raise CheckpointError(f"{entry.file}: ended inside tensor {name!r}; the file changed")
                remaining -= len(chunk)
                yield chunk

    def read_into(self, name: str, buffers: Iterable[memoryview]) -> None:
        """Fill the buffers (of bytes, together exactly the tensor's size) with tensor `name`.

        Each is full when the next is asked for, so they may share memory.
        """
        entry, done = self[name], 0
        with entry.file.open("rb", buffering=0) as file:
            file.seek(entry.offset)
            for buffer in buffers:
                view = buffer
                done += len(view)
                while view and done <= entry.nbytes:
                    if not (count := file.readinto(view)):
                        raise CheckpointError(f"{entry.file}: ended inside tensor {name!r}; the file changed")
                    view = view[count:]
        if done != entry.nbytes:
            raise CheckpointError(f"tensor {name!r} has {entry.nbytes} bytes, the buffers {done}")


def _files(path: Path) -> dict[Path, set[str] | None]:
    """Map the checkpoint's files to the tensor names the index wants of each; None stands for all of them."""
    index = path / "model.safetensors.index.json"
    single = path / "model.safetensors"
    if single.is_file():
        return {single: None}
    if not index.is_file():
        raise CheckpointError(f"{path}: neither model.safetensors nor model.safetensors.index.json")
    try:
        weight_map = _object(json.loads(index.read_bytes(), object_pairs_hook=_unique)["weight_map"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{index}: not a safetensors index ({error})") from error
    files: dict[Path, set[str] | None] = {}
    for name, file in weight_map.items():
        # A plain file name only: an index must not point outside its folder.
        if not isinstance(file, str) or Path(file).name != file or file in {".", ".."}:
            raise CheckpointError(f"{index}: tensor {name!r} points to {file!r}, which is not a file name")
        wanted = files.setdefault(path / file, set())
        assert wanted is not None
        wanted.add(name)
    return files


def read_header(file: Path) -> dict[str, TensorEntry]:
    """Read the header of one safetensors file; raises CheckpointError naming the tensor that is wrong."""
    try:
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            header = _header_bytes(file, stream, size)
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read ({error.strerror})") from error
    return parse_header(header, file, size)


def _header_bytes(file: Path, stream: BinaryIO, size: int) -> bytes:
    prefix = stream.read(8)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < 8 or length > min(size - 8, MAX_HEADER_BYTES):
        raise CheckpointError(f"{file}: not a safetensors file (a header of {length} bytes in a file of {size})")
    header = stream.read(length)
    if len(header) != length:
        raise CheckpointError(f"{file}: ended inside its header")
    return header


def parse_header(header: bytes, file: Path, size: int) -> dict[str, TensorEntry]:
    """Turn the JSON `header` of a safetensors `file` of `size` bytes into entries; raises CheckpointError."""
    try:
        described = _object(json.loads(header, object_pairs_hook=_unique))
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{file}: the header is not valid JSON ({error})") from error
    described.pop("__metadata__", None)
    start = 8 + len(header)
    entries = {name: _entry(name, value, file, start) for name, value in described.items()}
    end = start
    for entry in sorted(entries.values(), key=lambda entry: (entry.offset, entry.nbytes)):
        if entry.offset != end:
            fault = "overlaps the tensor before it" if entry.offset < end else "leaves a hole before it"
            raise CheckpointError(f"{file}: tensor {entry.name!r} {fault}")
        end += entry.nbytes
        if end > size:
            raise CheckpointError(f"{file}: tensor {entry.name!r} ends outside the file")
    if end != size:
        raise CheckpointError(f"{file}: {size - end} bytes after the last tensor belong to none")
    return entries


def _entry(name: str, value: Any, file: Path, start: int) -> TensorEntry:
    try:
        dtype, shape, (begin, end) = value["dtype"], value["shape"], value["data_offsets"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{file}: tensor {name!r} is not described") from error
    if dtype not in DTYPE_BYTES:
        raise CheckpointError(f"{file}: tensor {name!r} has the unknown type {dtype!r}")
    if not isinstance(shape, list) or len(shape) > MAX_TENSOR_RANK or not all(map(_is_size, [*shape, begin, end])):
        raise CheckpointError(f"{file}: tensor {name!r} has an impossible shape or range")
    nbytes = prod(shape) * DTYPE_BYTES[dtype]
    if end - begin != nbytes or nbytes > MAX_TENSOR_BYTES:
        raise CheckpointError(f"{file}: tensor {name!r} has {end - begin} bytes, its shape and type need {nbytes}")
    return TensorEntry(name, dtype, tuple(shape), file, start + begin, nbytes)


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_TENSOR_BYTES


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not a JSON object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object from its pairs; a name that occurs twice could mean two things, so it is refused."""
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("a name occurs twice")
    return built
