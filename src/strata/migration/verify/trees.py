"""Whether two syntax trees are equal but for where `from` imports take their names from."""

import ast
from typing import Any

_LEFT_OUT = {"module", "level"}


def first_difference(before: ast.Module, after: ast.Module) -> int | None:
    """The line in `before` of a node that differs; None where all are equal, `module` and `level` left out."""
    stack: list[tuple[Any, Any, int]] = [(before, after, 1)]
    while stack:
        ours, theirs, line = stack.pop()
        if type(ours) is not type(theirs):
            return line
        if isinstance(ours, ast.AST):
            line = getattr(ours, "lineno", line)
            for field in ours._fields:
                if not (isinstance(ours, ast.ImportFrom) and field in _LEFT_OUT):
                    stack.append((getattr(ours, field, None), getattr(theirs, field, None), line))
        elif isinstance(ours, list):
            if len(ours) != len(theirs):
                return line
            stack += [(one, other, line) for one, other in zip(ours, theirs, strict=True)]
        elif ours != theirs:
            return line
    return None
