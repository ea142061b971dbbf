"""What is to become of files, as data: made by whoever rewrites, carried out by the journal alone."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One file: the bytes that it must have now, and those that it gets. None: it is not there."""

    path: str
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Step:
    """Changes that make sense only together: all of them are made, or none is. `why` is a sentence for a reader."""

    name: str
    why: str
    changes: tuple[Change, ...]
