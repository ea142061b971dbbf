"""What one file's text says about imports; kept between runs as JSON."""

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import Any

from strata.migration.project import Position, Problem


class Guard(IntFlag):
    """What stands around a statement, from the file down to it."""

    NONE = 0
    TRY = 1  # the body of a `try` with handlers, or `with suppress(...)`
    HANDLER = 2
    TYPE_CHECKING = 4
    CONDITIONAL = 8  # an `if`, a loop or a `match`
    FUNCTION = 16
    MAIN = 32  # `if __name__ == "__main__"`, which is CONDITIONAL too: not when the module is imported


_GUARDS = tuple(map(Guard, range(1 << len(Guard))))  # making one anew takes longer


class Via(StrEnum):
    """How a string names a module or a file."""

    PATCH = "mock.patch"
    IMPORT_MODULE = "import_module"
    RUN_PATH = "run_path"
    FILE_LOCATION = "spec_from_file_location"
    RUN_MODULE = "python -m"
    ENTRY_POINT = "entry point"
    LAZY = "lazy"  # other calls and tables that name modules, such as `preload_module`


@dataclass(frozen=True, slots=True)
class Statement:
    """One import statement.

    start, end: its place; `;` and what stands beside it on the line are not part of it.
    level: leading dots of a `from` import; None for `import`.
    module: what stands after `from`, without dots; "" for `import` and for `from . import x`.
    names: (name, name after `as`) of each alias; the name is dotted for `import`, and "*" for a star.
    scope: the functions and classes around it, "" at the top of the module.
    """

    start: Position
    end: Position
    level: int | None
    module: str
    names: tuple[tuple[str, str | None], ...]
    scope: str = ""
    guard: Guard = Guard.NONE

    @property
    def line(self) -> int:
        """The line it starts on."""
        return self.start[0]

    @property
    def written(self) -> str:
        """The statement in short, for a message."""
        names = ", ".join(name if alias is None else f"{name} as {alias}" for name, alias in self.names)
        return f"import {names}" if self.level is None else f"from {'.' * self.level}{self.module} import {names}"


@dataclass(frozen=True, slots=True)
class StringReference:
    """A string that names a module, an attribute of one, or a file.

    start, end: in Python code of the literal with its quotes, in a configuration file of the bare value.
    """

    start: Position
    end: Position
    value: str
    via: Via


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one file says.

    digest: SHA-256 of its bytes, in hex.
    main: has `if __name__ == "__main__"`. shebang: its first line names an interpreter.
    rebinds: module globals that the import system reads and the file sets, such as `__package__`.
    problem: why it has no statements: it does not parse, or is too large.
    """

    path: str
    digest: str
    statements: tuple[Statement, ...] = ()
    strings: tuple[StringReference, ...] = ()
    main: bool = False
    shebang: bool = False
    rebinds: tuple[str, ...] = ()
    problem: Problem | None = None

    def to_json(self) -> list[Any]:
        """A row that `from_json` reads."""
        problem = self.problem and [self.problem.code, self.problem.message, self.problem.line]
        statements = [[*s.start, *s.end, s.level, s.module, s.names, s.scope, int(s.guard)] for s in self.statements]
        strings = [[*s.start, *s.end, s.value, s.via.value] for s in self.strings]
        return [self.path, self.digest, statements, strings, self.main, self.shebang, self.rebinds, problem]

    @classmethod
    def from_json(cls, row: list[Any]) -> "FileFacts":
        """The facts of a row that `to_json` made."""
        path, digest, statements, strings, main, shebang, rebinds, problem = row
        return cls(
            path,
            digest,
            tuple(
                Statement((a, b), (c, d), level, module, tuple(map(tuple, names)), scope, _GUARDS[guard])
                for a, b, c, d, level, module, names, scope, guard in statements
            ),
            tuple(StringReference((a, b), (c, d), value, Via(via)) for a, b, c, d, value, via in strings),
            main,
            shebang,
            tuple(rebinds),
            problem and Problem(path, *problem),
        )
