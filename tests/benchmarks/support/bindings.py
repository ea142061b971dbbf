"""What a file's imports bind, read a second time: shares no code with `strata.migration`, so that it can check it."""

import ast
import io
import tokenize
import warnings
from collections.abc import Iterator
from importlib.util import resolve_name
from typing import Any

Binding = tuple[str, str, tuple[tuple[str, str | None], ...]]


def parsed(data: bytes) -> ast.Module:
    """The syntax tree, without warnings of escapes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(data)


def bindings(tree: ast.Module, package: str | None) -> Iterator[Binding]:
    """For each import: what is around it, the absolute name that is asked for or the error, and the aliases."""
    stack: list[tuple[ast.AST, str]] = [(tree, "")]
    while stack:
        node, around = stack.pop()
        if isinstance(node, ast.Import):
            yield around, "import", tuple((name.name, name.asname) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield around, asked(node, package), tuple((name.name, name.asname) for name in node.names)
        for field, value in reversed(list(ast.iter_fields(node))):
            for child in reversed(value if isinstance(value, list) else [value]):
                if isinstance(child, ast.AST) and not isinstance(child, ast.expr):
                    stack.append((child, f"{around}/{type(node).__name__}.{field}.{getattr(node, 'name', '')}"))


def asked(node: ast.ImportFrom, package: str | None) -> str:
    """The absolute name by importlib's own rule, or what it raises where there is none."""
    try:
        return resolve_name("." * node.level + (node.module or ""), package or "")
    except ImportError:
        return "ImportError"


def masked(tree: ast.Module) -> str:
    """The tree as text, `from` imports without level and module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            node.module, node.level = None, 0
    return ast.dump(tree)


def outside(data: bytes, tree: ast.Module) -> tuple[Any, ...]:
    """The encoding, and the text without the `from` statements."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data.replace(b"\r", b"\n")).readline)
    text = data.decode(encoding).encode()
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    pieces, position = [], 0
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        pieces.append(text[position : starts[node.lineno - 1] + node.col_offset])
        position = starts[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
    return encoding, data.startswith(b"\xef\xbb\xbf"), *pieces, text[position:]
