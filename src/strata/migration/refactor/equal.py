"""A second proof for files in which more changes than where `from` imports take names: the trees say the same.

Both syntax trees are walked side by side. Import statements are compared by what each of their names asks for, in order
and however they are grouped; dotted names and strings may differ by the new name of what moved, and by nothing else.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from strata.migration.imports import Origin, RunName, Statement, absolute_name
from strata.migration.refactor.dotted import parts_of
from strata.migration.refactor.importing import unaliased

_Import = ast.Import | ast.ImportFrom
_Asked = tuple[str | Origin, str | None, str]


def first_difference(
    before: ast.Module, after: ast.Module, names: Sequence[tuple[RunName, RunName]], renamed: Mapping[str, str]
) -> int | None:
    """The line in `before` of what `after` does not say too; None where they say the same.

    names: each name that the file runs as, before and after. renamed: old to new names of modules.
    """
    old_names = [old for old in renamed if any(isinstance(n, _Import) and unaliased(n, old) for n in ast.walk(before))]
    dotted = {tuple(old.split(".")): renamed[old].split(".") for old in old_names}
    pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(old)}(?!\w)" for old in renamed) or r"(?!)")
    stack: list[tuple[Any, Any, int]] = [(before, after, 1)]
    while stack:
        ours, theirs, line = stack.pop()
        if isinstance(ours, ast.Attribute | ast.Name) and (parts := parts_of(ours)):
            if _renamed(parts, dotted) != (parts_of(theirs) if isinstance(theirs, ast.expr) else []):
                return ours.lineno
        elif isinstance(ours, str) and isinstance(theirs, str):
            if theirs not in {ours, pattern.sub(lambda match: renamed[match[0]], ours)}:
                return line
        elif type(ours) is not type(theirs):
            return line
        elif isinstance(ours, ast.AST):
            line = getattr(ours, "lineno", line)
            stack += [(getattr(ours, name, None), getattr(theirs, name, None), line) for name in ours._fields]
        elif isinstance(ours, list):
            pairs, different = _paired(ours, theirs, names, renamed)
            if different:
                return getattr(different[0], "lineno", line) if different[0] is not None else line
            stack += [(one, other, line) for one, other in pairs]
        elif ours != theirs:
            return line
    return None


def _paired(
    ours: list[Any], theirs: list[Any], names: Sequence[tuple[RunName, RunName]], renamed: Mapping[str, str]
) -> tuple[list[tuple[Any, Any]], tuple[Any] | None]:
    """Nodes to compare further, without the import statements; or the first of these that differs."""
    pairs = []
    for one, other in zip_longest(_runs(ours), _runs(theirs)):
        if isinstance(one, list) and isinstance(other, list):
            for before, after in names:
                if list(_asked(one, before, renamed)) != list(_asked(other, after, {})):
                    return [], (one[0],)
        elif one is None or other is None or isinstance(one, list) or isinstance(other, list):
            return [], (one[0] if isinstance(one, list) else one,)
        else:
            pairs.append((one, other))
    return pairs, None


def _runs(nodes: list[Any]) -> Iterator[Any]:
    """The nodes, with import statements that follow each other as one list."""
    run: list[_Import] = []
    for node in nodes:
        if isinstance(node, _Import):
            run.append(node)
            continue
        if run:
            yield run
            run = []
        yield node if node is not None else ast.Pass()  # a `None` in a list, as in the keys of a dict
    if run:
        yield run


def _asked(nodes: list[_Import], name: RunName, renamed: Mapping[str, str]) -> Iterator[_Asked]:
    for node in nodes:
        for alias in node.names:
            if isinstance(node, ast.Import):
                yield renamed.get(alias.name, alias.name), None, alias.asname or alias.name.partition(".")[0]
                continue
            statement = Statement((1, 0), (1, 0), node.level, node.module or "", ())
            base = absolute_name(statement, name.package)
            taken, bound = alias.name, alias.asname or alias.name
            if not isinstance(base, Origin) and f"{base}.{taken}" in renamed:
                base, _, taken = renamed[f"{base}.{taken}"].rpartition(".")
            yield renamed.get(base, base), taken, bound


def _renamed(parts: list[str], dotted: Mapping[tuple[str, ...], list[str]]) -> list[str]:
    for old, new in dotted.items():
        if tuple(parts[: len(old)]) == old:
            return [*new, *parts[len(old) :]]
    return parts
