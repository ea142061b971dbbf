"""Which literals two places can only use alike because they agree on what they mean."""

import ast
import hashlib
import math
import re

_LONGEST = 120  # characters kept of a literal; of a longer one its digest is kept
_FEWEST = 3  # elements that make a table of constants
_MOST = 2_000  # nodes of a table that are looked at
_MOST_BITS = 2_048
_WORD = re.compile(r"[A-Za-z][\w.:/+ -]{2,}")
# Strings that the language, its libraries, operating systems, HTTP or databases give their meaning to.
_COMMON = {"ascii", "latin-1", "latin1", "utf-8", "utf8", "utf-16", "utf_8", "iso-8859-1"}
_COMMON |= {"strict", "ignore", "replace", "surrogateescape"}
_COMMON |= {"win32", "cygwin", "linux", "linux2", "darwin", "posix", "java", "windows"}
_COMMON |= {"str", "int", "float", "bool", "list", "dict", "tuple", "set", "bytes", "object", "type", "none"}
_COMMON |= {
    "get",
    "head",
    "post",
    "put",
    "patch",
    "delete",
    "options",
    "http",
    "https",
    "sqlite",
    "postgresql",
    "mysql",
}
_COMMON |= {"true", "false", "yes", "off", "return", "name", "self", "args", "kwargs"}
# Bounds and factors that anybody may write without having agreed on them with somebody.
_ROUND = frozenset({12, 15, 24, 30, 45, 60, 90, 100, 180, 200, 255, 256, 270, 300, 360, 365, 400, 404, 500, 512, 1000})


def text_of(node: ast.expr) -> str | None:
    """A literal in one spelling, or None where the expression is no literal or a trivial one.

    Trivial: true, false, none; whole numbers up to 10, round ones, powers of two and ten; halves; strings of
    less than three characters or without a word, dunder names, names of encodings, platforms and types.
    """
    value: object
    match node:
        case ast.Constant(value=value):
            pass
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as positive)):
            value = -positive
        case _:
            return None
    return None if is_trivial(value) else _short(spelled(value))


def spelled(value: object) -> str:
    """`repr`, also of whole numbers with more digits than Python writes out in decimal (CVE-2020-10735)."""
    return hex(value) if isinstance(value, int) and value.bit_length() > _MOST_BITS else repr(value)


def is_trivial(value: object) -> bool:
    """Whether nobody needs to agree on the meaning of a constant, as `text_of` lists them."""
    match value:
        case bool() | None:
            return True
        case int():
            size = abs(value)
            return size.bit_length() <= _MOST_BITS and _is_round(size)
        case float():
            return not math.isfinite(value) or (value * 2).is_integer() or f"{value:.6e}".lstrip("-")[:8] == "1.000000"
        case str():
            return _is_trivial_text(value)
        case bytes():
            return _is_trivial_text(value.decode("latin-1"))
    return True


def table_of(node: ast.expr) -> str | None:
    """The same for a list, tuple, set or dict of three or more constants, not all of them trivial."""
    if not isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict):
        return None
    parts = node.values if isinstance(node, ast.Dict) else node.elts
    if len(parts) < _FEWEST:
        return None
    constants = 0
    for number, inner in enumerate(ast.walk(node)):
        if number > _MOST or not isinstance(inner, _PLAIN):
            return None
        constants += isinstance(inner, ast.Constant) and not is_trivial(inner.value)
    if constants < _FEWEST:
        return None
    try:
        return _short(f"{type(node).__name__.lower()} {ast.unparse(node)}")
    except (RecursionError, ValueError):  # nested too deeply, or a number too long to write
        return None


def _is_round(size: int) -> bool:
    return size <= 10 or size in _ROUND or size & (size - 1) == 0 or set(str(size)[1:9]) == {"0"}


_PLAIN = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Constant, ast.UnaryOp, ast.unaryop, ast.expr_context)


def _is_trivial_text(text: str) -> bool:
    return (
        not _WORD.match(text)
        or text.lower() in _COMMON
        or (text.startswith("__") and text.endswith("__"))
        or "{" in text  # a template
    )


def _short(text: str) -> str:
    return (
        text
        if len(text) <= _LONGEST
        else f"{text[:40]}... {hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}"
    )
