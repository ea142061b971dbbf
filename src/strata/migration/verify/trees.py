"""Whether two syntax trees are equal but for where imports take their names from."""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from strata.migration.project import Position

_LEAVES = {str, int, type(None)}  # in lists

# From what stands in the first tree at this place to what must stand in the second.
Expected = Callable[[Position, str], str]


def first_difference(before: ast.Module, after: ast.Module) -> int | None:
    """The line in `before` of a node that differs; None where all are equal but `module` and `level` of imports."""
    if _same(before, after):
        return None
    return _compare(before, after, _fields, lambda _place, value: value)


def first_difference_renamed(before: ast.Module, after: ast.Module, expected: Expected) -> int | None:
    """The same where modules have new names: only what an import binds counts, and one statement may become several.

    expected: the new value of a string constant at a place in `before`.
    """
    return _compare(before, after, _fields_renamed, expected)


def _same(before: ast.Module, after: ast.Module) -> bool:
    """As `_compare`, in a third of the time: whole projects are equal all the way."""
    stack: list[tuple[Any, Any]] = [(before, after)]
    while stack:
        ours, theirs = stack.pop()
        kind = ours.__class__
        if kind is not theirs.__class__:
            return False
        for field in ("names",) if kind is ast.ImportFrom else getattr(kind, "_fields", ()):
            one, other = getattr(ours, field, None), getattr(theirs, field, None)
            if one is other:
                continue
            if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
                stack += zip(one, other, strict=True)
            elif isinstance(one, ast.AST):
                stack.append((one, other))
            elif one.__class__ is not other.__class__ or one != other:
                return False
        if kind in _LEAVES and ours != theirs:
            return False
    return True


def _compare(
    before: ast.Module, after: ast.Module, fields: Callable[[ast.AST], Iterator[Any]], expected: Expected
) -> int | None:
    stack: list[tuple[Any, Any, int, int]] = [(before, after, 1, 0)]
    while stack:
        ours, theirs, line, column = stack.pop()
        if type(ours) is not type(theirs):
            return getattr(ours, "lineno", line)
        if isinstance(ours, ast.AST):
            line, column = getattr(ours, "lineno", line), getattr(ours, "col_offset", column)
            stack += [(one, other, line, column) for one, other in zip(fields(ours), fields(theirs), strict=True)]
        elif isinstance(ours, list):
            if len(ours) != len(theirs):
                return line
            stack += [(one, other, line, column) for one, other in zip(ours, theirs, strict=True)]
        elif ours != theirs and not (isinstance(ours, str) and expected((line, column), ours) == theirs):
            return line
    return None


def _fields(node: ast.AST) -> Iterator[Any]:
    if isinstance(node, ast.ImportFrom):
        yield node.names
    else:
        for field in node._fields:
            yield getattr(node, field, None)


def _fields_renamed(node: ast.AST) -> Iterator[Any]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield [name.asname or name.name for name in node.names]
        return
    for field in node._fields:
        value = getattr(node, field, None)
        yield [each for node in value for each in _single(node)] if isinstance(value, list) else value


def _single(node: Any) -> list[Any]:
    """A `from` import as one statement for each of its names."""
    if not isinstance(node, ast.ImportFrom) or len(node.names) == 1:
        return [node]
    return [ast.ImportFrom(node.module, [name], node.level, lineno=node.lineno) for name in node.names]
