"""SHA-256 of byte ranges of large files, remembered under the home folder.

Hashing a model takes longer than asking whether its file changed, so digests are kept in one small JSON file for each
hashed file, named by the file's path, size and modification time in nanoseconds: a changed file is hashed anew.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from strata import files

CHUNK_BYTES = 1 << 20


def file_digests(file: Path, ranges: Mapping[str, tuple[int, int]], home: Path) -> dict[str, str]:
    """Return the hex SHA-256 of each named (offset, length) range of `file`, from the cache under `home` or computed.

    A name must mean the same range every time it is asked for: that holds for a tensor of a file.
    """
    status = file.stat()
    key = hashlib.sha256(f"{file.resolve()}\0{status.st_size}\0{status.st_mtime_ns}".encode()).hexdigest()
    path = home / "digests" / f"{key}.json"
    known = _load(path)
    missing = {name: ranges[name] for name in ranges if name not in known}
    if missing:
        with file.open("rb", buffering=0) as stream:
            for name, (offset, length) in missing.items():
                digest = hashlib.sha256()
                stream.seek(offset)
                for chunk in _chunks(stream.fileno(), length):
                    digest.update(chunk)
                known[name] = digest.hexdigest()
        files.write(path, json.dumps(known).encode())
    return {name: known[name] for name in ranges}


def _chunks(descriptor: int, length: int) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while length > 0:
        count = os.readv(descriptor, [buffer[: min(CHUNK_BYTES, length)]])
        if not count:
            raise EOFError("the file ended inside a range")
        yield buffer[:count]
        length -= count


def _load(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_bytes()))
    except (OSError, ValueError):  # a cache that cannot be read is an empty one
        return {}
