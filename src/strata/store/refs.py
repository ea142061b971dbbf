"""Refs: small files that give a blob a kind and a name, and keep it from being collected."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from strata.store.errors import InvalidName, RefCorrupt
from strata.store.layout import Layout
from strata.store.names import check_digest, check_name


@dataclass(frozen=True)
class ArtifactRef:
    """What tasks hand to each other instead of the bytes: the SHA-256 of a blob, what it is, and its name."""

    digest: str
    kind: str
    name: str

    def __post_init__(self) -> None:
        check_digest(self.digest)
        check_name(self.kind)
        check_name(self.name)

    def to_json(self) -> str:
        """One JSON object with exactly the three fields."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Inverse of `to_json`; raises InvalidName for anything else."""
        return cls(**_strings(text, {"digest", "kind", "name"}, InvalidName))


@dataclass(frozen=True)
class RefEntry:
    """The content of a ref file: the blob it names, and the further blobs which that one is useless without."""

    digest: str
    needs: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """The file's content."""
        return json.dumps({"digest": self.digest, "needs": self.needs}).encode()


def read_entry(path: Path) -> RefEntry | None:
    """The ref at `path`, or None when there is none; raises RefCorrupt."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse_entry(data, str(path))


def parse_entry(data: bytes, where: str) -> RefEntry:
    """Inverse of `RefEntry.to_bytes`; raises RefCorrupt, which says where."""
    try:
        fields = json.loads(data)
        return RefEntry(check_digest(fields["digest"]), tuple(check_digest(need) for need in fields["needs"]))
    except (ValueError, KeyError, TypeError, InvalidName) as error:
        raise RefCorrupt(f"{where} is not a ref; remove it, or write it again with set_ref") from error


def iterate(layout: Layout) -> Iterator[tuple[ArtifactRef, RefEntry]]:
    """Every ref, ordered by kind and name."""
    for path in sorted(layout.refs.glob("*/*")):
        entry = read_entry(path)
        if entry is not None:  # None: removed since the listing
            yield ArtifactRef(entry.digest, path.parent.name, path.name), entry


def _strings(text: str | bytes, names: set[str], error: type[Exception]) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as cause:
        raise error("not JSON") from cause
    if not isinstance(fields, dict) or set(fields) != names or not all(isinstance(v, str) for v in fields.values()):
        raise error(f"expected a JSON object with the strings {', '.join(sorted(names))}")
    return fields
