"""Where a project breaks a rule, and how a place is known again after lines have moved."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from strata.migration.check.project import Project


class State(StrEnum):
    """What becomes of a violation."""

    NEW = "new"  # it fails the check
    KNOWN = "known"  # the baseline has it
    SUPPRESSED = "suppressed"  # a comment beside it says that it is meant
    EXCUSED = "excused"  # it cannot be mended by rewriting the file, provably


@dataclass(frozen=True, slots=True)
class Violation:
    """A place where a rule is broken.

    line, end: first and last line of what is judged, from 1. key: what it is, without lines and columns; places of one
    rule in one file that have the same key are told apart by their order. excuse: why it does not fail the check.
    """

    rule: str
    path: str
    line: int
    end: int
    message: str
    key: str
    excuse: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What one rule saw: the places where it is broken, and at how many it could have been."""

    violations: tuple[Violation, ...]
    eligible: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, what it wants in one sentence, and how it looks at a project."""

    name: str
    wants: str
    look: Callable[[Project], Seen]


def fingerprints(violations: Iterable[Violation]) -> tuple[str, ...]:
    """One for each, in order: 16 hex digits of the SHA-256 of rule, path, key, and how many of these came before."""
    earlier = Counter[tuple[str, str, str]]()
    found = []
    for each in violations:
        identity = each.rule, each.path, each.key
        text = "\0".join((*identity, str(earlier[identity])))
        earlier[identity] += 1
        found.append(hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16])
    return tuple(found)
