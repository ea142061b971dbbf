"""What a migration is to change, as data: made by `plan_migration`, read and edited by people, carried out later."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from strata.errors import StrataError
from strata.migration.rewrite import STRATEGIES, Refusal

VERSION = 1
MOST_BYTES = 256 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MODULE = re.compile(r"\.*(?:[^\W\d]\w*(?:\.[^\W\d]\w*)*)?")


class BadPlan(StrataError):
    """A plan that cannot be carried out as it is written; the message names the place in it."""


@dataclass(frozen=True, slots=True)
class PlannedImport:
    """What stands after `from` in the statement at this place (as `ast` counts), and what is to stand there."""

    line: int
    column: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file, the SHA-256 of the bytes that it must have, and its imports that change."""

    path: str
    digest: str
    imports: tuple[PlannedImport, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts over a project.

    files: Python files. eligible: `from` imports of its own modules; following: of these, how many are as the strategy
    wants. plain: `import` statements of its own modules, which have no other form.
    """

    files: int = 0
    eligible: int = 0
    following: int = 0
    plain: int = 0

    @property
    def share(self) -> float:
        """Following of eligible; 1 where there are none."""
        return self.following / self.eligible if self.eligible else 1.0


@dataclass(frozen=True)
class MigrationPlan:
    """The files that change, what does not and why, and the figures before; roots: folders that were given."""

    strategy: str
    files: tuple[PlannedFile, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    figures: Figures = field(default_factory=Figures)
    roots: tuple[str, ...] = ()

    @property
    def imports(self) -> int:
        """Statements that change."""
        return sum(len(file.imports) for file in self.files)

    @property
    def reasons(self) -> Mapping[str, int]:
        """Refusals by code, the most frequent first."""
        return dict(Counter(refusal.code for refusal in self.refusals).most_common())

    def to_json(self) -> dict[str, Any]:
        """A JSON object; files, and imports of a file, may be taken out of it by hand, and `after` be changed."""
        return {"version": VERSION} | asdict(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "MigrationPlan":
        """The plan that `to_json` wrote, also after it was edited. Raises BadPlan."""
        if len(text) > MOST_BYTES:
            raise BadPlan(f"the plan is larger than {MOST_BYTES >> 20} MiB")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadPlan(f"the plan is no JSON: {error}") from error
        top = _object(found, "the plan", {"version", "strategy", "files", "refusals", "figures", "roots"})
        if top["version"] != VERSION:
            raise BadPlan(f"the plan has version {top['version']!r}; this release reads {VERSION}")
        if top["strategy"] not in STRATEGIES:
            raise BadPlan(f"strategy: {top['strategy']!r} is none of {', '.join(STRATEGIES)}")
        files = tuple(_file(each, f"files[{i}]") for i, each in enumerate(_list(top["files"], "files")))
        twice = [path for path, count in Counter(file.path for file in files).items() if count > 1]
        if twice:
            raise BadPlan(f"files: {twice[0]} is listed twice")
        refusals = tuple(_refusal(each, f"refusals[{i}]") for i, each in enumerate(_list(top["refusals"], "refusals")))
        figures = _object(top["figures"], "figures", set(Figures.__dataclass_fields__))
        numbers = {name: _number(value, f"figures.{name}") for name, value in figures.items()}
        roots = tuple(_text(each, f"roots[{i}]") for i, each in enumerate(_list(top["roots"], "roots")))
        return cls(top["strategy"], files, refusals, Figures(**numbers), roots)


def _file(value: Any, place: str) -> PlannedFile:
    found = _object(value, place, {"path", "digest", "imports"})
    imports = _list(found["imports"], f"{place}.imports")
    if not imports:
        raise BadPlan(f"{place}.imports: is empty; take the file out of the plan instead")
    if not _DIGEST.fullmatch(_text(found["digest"], f"{place}.digest")):
        raise BadPlan(f"{place}.digest: is no SHA-256 in hex")
    read = tuple(_import(each, f"{place}.imports[{i}]") for i, each in enumerate(imports))
    return PlannedFile(_text(found["path"], f"{place}.path"), found["digest"], read)


def _import(value: Any, place: str) -> PlannedImport:
    found = _object(value, place, {"line", "column", "before", "after"})
    for name in ("before", "after"):
        text = _text(found[name], f"{place}.{name}")
        if not text or not _MODULE.fullmatch(text):
            raise BadPlan(f"{place}.{name}: {text!r} cannot stand between `from` and `import`")
    line, column = (_number(found[name], f"{place}.{name}") for name in ("line", "column"))
    return PlannedImport(line, column, found["before"], found["after"])


def _refusal(value: Any, place: str) -> Refusal:
    found = _object(value, place, {"path", "line", "code", "message"})
    line = None if found["line"] is None else _number(found["line"], f"{place}.line")
    path, code, message = (_text(found[name], f"{place}.{name}") for name in ("path", "code", "message"))
    return Refusal(path, line, code, message)


def _object(value: Any, place: str, names: set[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadPlan(f"{place}: is no object")
    if set(value) != names:
        missing, unknown = sorted(names - set(value)), sorted(set(value) - names)
        raise BadPlan(f"{place}: {f'lacks {missing[0]!r}' if missing else f'has {unknown[0]!r}, which nothing reads'}")
    return value


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadPlan(f"{place}: is no list")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise BadPlan(f"{place}: is no text")
    if not is_utf8(value):
        raise BadPlan(f"{place}: {value!r} is no text in UTF-8")
    return value


def is_utf8(text: str) -> bool:
    """Whether a text can be kept: names of files that are no UTF-8 are read with surrogates in them (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number(value: Any, place: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadPlan(f"{place}: is no number of 0 or more")
    return value
