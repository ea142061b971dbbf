"""What a migration is told by: plain values, which whoever carried it out fills in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from strata.migration.report.matrix import Matrix


@dataclass(frozen=True)
class Forms:
    """Imports of the project's own modules, by how they are written."""

    relative: int
    absolute: int
    plain: int  # `import p.x`, which has no relative form


@dataclass(frozen=True)
class Moved:
    """A module that got another name. gain: cross-package imports fewer by it; importers: files that name it."""

    old: str
    new: str
    gain: float
    importers: int
    shim: bool


@dataclass(frozen=True)
class Left:
    """Something that was not done: where, a code to count by, and why."""

    path: str
    line: int | None
    code: str
    message: str


@dataclass(frozen=True)
class Undone:
    """A step that was made, failed a check, and was taken back to the byte."""

    name: str
    why: str


@dataclass(frozen=True)
class Suite:
    """Results of the project's own tests; changed: ids whose result is another one."""

    passed_before: int
    passed_after: int
    failed_before: int
    failed_after: int
    changed: Sequence[str] = ()


@dataclass(frozen=True)
class Account:
    """A migration that came to its end.

    measures: named figures of the coupling before and after. matrices: before, and after where modules moved.
    broken: what was wrong before anyone came. undo: the command that brings every byte back.
    """

    tree: str
    strategy: str
    files: int
    changed_files: int
    converted: int
    before: Forms
    after: Forms
    undo: str
    moved: Sequence[Moved] = ()
    left: Sequence[Left] = ()
    undone: Sequence[Undone] = ()
    unverifiable: Sequence[Left] = ()
    broken: Sequence[Left] = ()
    tests: Suite | None = None
    measures: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    matrices: Sequence[Matrix] = ()
