"""A file's import statements, rewritten for a module that moves: what is asked for stays the same module."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from strata.migration.imports import Origin, Statement, absolute_name
from strata.migration.project import Edit, Source
from strata.migration.refactor.stuck import Stuck
from strata.migration.rewrite import edit_module, relative_form

_WIDTH = 88
_Node = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Place:
    """From which package the relative imports of a file count, before the move and after it."""

    before: str | None
    after: str | None


def statement_edits(
    source: Source, node: _Node, statement: Statement, renamed: dict[str, str], place: Place
) -> list[Edit]:
    """Changes to one statement; none where it asks for nothing that moves, and counts from where it did.

    Raises Stuck where a comment stands inside of a statement that would have to be split.
    """
    if isinstance(node, ast.Import):
        return _plain(source, node, renamed)
    asked = absolute_name(statement, place.before)
    if isinstance(asked, Origin):
        return []
    wanted = [_wanted(asked, alias.name, renamed) for alias in node.names]
    same = all((asked, alias.name) == each for alias, each in zip(node.names, wanted, strict=True))
    if same and (not statement.level or place.before == place.after):
        return []
    written = [_written(base, bool(statement.level), place.after) for base, _ in wanted]
    names = [_alias(name, alias) for alias, (_, name) in zip(node.names, wanted, strict=True)]
    if len(set(written)) > 1:
        return [_split(source, node, list(zip(written, names, strict=True)))]
    renames = [
        Edit(*_span(source, alias), name)
        for alias, name, (_, new) in zip(node.names, names, wanted, strict=True)
        if alias.name != new
    ]
    return [edit_module(source, statement, written[0]), *renames]


def unaliased(node: _Node, old: str) -> bool:
    """Whether the statement is `import old`, so that the file uses the module by its whole dotted name."""
    return isinstance(node, ast.Import) and any(alias.name == old and alias.asname is None for alias in node.names)


def _plain(source: Source, node: ast.Import, renamed: dict[str, str]) -> list[Edit]:
    return [
        Edit(*_span(source, alias), renamed[alias.name] + (f" as {alias.asname}" if alias.asname else ""))
        for alias in node.names
        if alias.name in renamed
    ]


def _wanted(base: str, name: str, renamed: dict[str, str]) -> tuple[str, str]:
    if base in renamed:
        return renamed[base], name
    if f"{base}.{name}" in renamed:
        package, _, last = renamed[f"{base}.{name}"].rpartition(".")
        return package, last
    return base, name


def _written(base: str, relative: bool, package: str | None) -> str:
    if relative and package is not None and package.partition(".")[0] == base.partition(".")[0]:
        return relative_form(base, package)
    return base


def _alias(name: str, alias: ast.alias) -> str:
    bound = alias.asname or alias.name
    return name if name == bound and alias.asname is None else f"{name} as {bound}"


def _split(source: Source, node: ast.ImportFrom, wanted: list[tuple[str, str]]) -> Edit:
    """One statement for each run of names from the same module, so that their order stays."""
    start, end = _span(source, node)
    if "#" in source.text[start:end]:
        raise Stuck("comment", f"line {node.lineno}: a statement with a comment inside would have to be split")
    line_start = max(source.text.rfind(end_of_line, 0, start) for end_of_line in "\r\n") + 1
    indent = source.text[line_start:start]
    runs = [(base, [name for _, name in run]) for base, run in groupby(wanted, key=lambda each: each[0])]
    if indent.strip() or not _ends_line(source.text, end):
        return Edit(start, end, "; ".join(f"from {base} import {', '.join(names)}" for base, names in runs))
    newline = "\r\n" if "\r\n" in source.text else "\n"
    statements = [line for base, names in runs for line in _lines(base, names, len(indent))]
    return Edit(start, end, f"{newline}{indent}".join(statements))


def _lines(base: str, names: list[str], indent: int) -> Iterator[str]:
    line = f"from {base} import {', '.join(names)}"
    if indent + len(line) <= _WIDTH:
        yield line
        return
    yield f"from {base} import ("
    yield from (f"    {name}," for name in names)
    yield ")"


def _ends_line(text: str, end: int) -> bool:
    rest = text[end:].splitlines()[:1]
    return not rest or not rest[0].strip() or rest[0].lstrip().startswith("#")


def _span(source: Source, node: ast.alias | ast.stmt) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return source.offset((node.lineno, node.col_offset)), source.offset((node.end_lineno, node.end_col_offset))
