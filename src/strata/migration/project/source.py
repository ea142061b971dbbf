"""Python source as it lies on the disk: bytes, an encoding (PEP 263), line ends of any kind, and changes to it."""

import io
import re
import tokenize
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from strata.errors import StrataError

MOST_BYTES = 4 << 20  # larger sources are generated ones
_LINE_END = re.compile(r"\r\n|\r|\n")

# A place as `ast` counts: the line from 1, and in it the UTF-8 bytes before the place.
Position = tuple[int, int]


class BadSource(StrataError):
    """A file that cannot be read as Python: `code` is a short name of the reason, the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


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
        except UnicodeEncodeError as error:
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


def read_source(path: Path) -> bytes:
    """The bytes of a file; raises BadSource for one that is too large or cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadSource("unreadable", f"cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise BadSource("too-large", f"is larger than {MOST_BYTES >> 20} MiB, so it is taken for generated")
    return data


def decode(data: bytes) -> Source:
    """Decode by the byte order mark or the coding comment; raises BadSource where that is not possible exactly."""
    try:
        lines = io.BytesIO(data.replace(b"\r", b"\n") if b"\r" in data else data)  # a line may end in "\r" alone
        encoding, _ = tokenize.detect_encoding(lines.readline)
        source = Source(data.decode(encoding), encoding)
    except (SyntaxError, LookupError, UnicodeDecodeError) as error:
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
