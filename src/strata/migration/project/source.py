"""Python source as it lies on the disk: bytes, an encoding (PEP 263), line ends of any kind, and changes to it."""

import os
import re
import stat
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from strata.errors import StrataError

MOST_BYTES = 4 << 20  # larger sources are generated ones
_LINE_END = re.compile(r"\r\n|\r|\n")
_LINE_END_BYTES = re.compile(rb"\r\n|\r|\n")

# A place as `ast` counts: the line from 1, and in it the UTF-8 bytes before the place.
Position = tuple[int, int]


class BadSource(StrataError):
    """A file that cannot be read as Python: `code` is a short name of the reason, the message says what to do."""

    def __init__(self, code: str, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.line = line


@dataclass(frozen=True, slots=True)
class Edit:
    """Characters `start` to `end` of a text are replaced by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Source:
    """A decoded file; `encode` gives its bytes back, a byte order mark and line ends included."""

    text: str
    encoding: str

    def encode(self) -> bytes:
        """The bytes of the file; raises BadSource where the encoding lacks a character."""
        try:
            return self.text.encode(self.encoding)
        except UnicodeError as error:
            raise BadSource("encoding", f"cannot be written as {self.encoding}: {error}") from error

    def offset(self, position: Position) -> int:
        """The index in `text` of a place that `ast` names."""
        line, column = position
        start = self._starts[line - 1]
        # At most so many characters make up so many bytes.
        return start + len(self.text[start : start + column].encode()[:column].decode())

    @cached_property
    def _starts(self) -> list[int]:
        if "\r" in self.text:
            return [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        return [*accumulate(map((1).__add__, map(len, self.text.split("\n"))), initial=0)]


def read_source(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file; raises BadSource for what is none, has more than `most`, or cannot be read.

    A pipe is not waited for and a link not followed, also where one has taken the file's place since it was found.
    """
    try:
        # A descriptor is a regular file's before it is a Python file, which would not close one of a folder.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BadSource("no-file", "is a pipe, a device or a folder, and left alone")
        with open(descriptor, "rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BadSource("unreadable", f"cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise BadSource("too-large", f"is larger than {most / 2**20:g} MiB, so it is taken for generated")
    return data


def decode(data: bytes) -> Source:
    """Decode by the byte order mark or the coding comment; raises BadSource where that is not possible exactly."""
    try:
        first = iter(_LINE_END_BYTES.split(data, maxsplit=2)[:2])  # where a coding comment may stand
        encoding, _ = tokenize.detect_encoding(first.__next__)
        source = Source(data.decode(encoding), encoding)
        source.text.encode()  # a codec that makes lone surrogates is none the compiler takes
    except (SyntaxError, LookupError, UnicodeError) as error:
        raise BadSource("encoding", f"cannot be decoded: {error}") from error
    if source.encode() != data:
        raise BadSource("encoding", f"does not come back from {encoding} as the same bytes")
    return source


def splice(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made; they must not overlap."""
    pieces, position = [], 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        assert position <= edit.start <= edit.end <= len(text)
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*pieces, text[position:]])
