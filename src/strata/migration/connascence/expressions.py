"""Expressions: what is read, called and compared."""

import ast

from strata.migration.connascence import comparing, literals, pairing
from strata.migration.connascence.reader import ANNOTATION, FINALLY, ISINSTANCE, Called, Reader, Write
from strata.migration.connascence.scopes import Scope, chain_of

_CHANGES = {"append", "add", "update", "extend", "insert", "remove", "pop", "clear", "setdefault", "discard"}
_CHANGES |= {"popitem", "sort", "reverse", "appendleft"}
_TYPE_TESTS = {("isinstance", ""), ("issubclass", "")}


def name(reader: Reader, node: ast.Name, scope: Scope, around: int) -> None:
    """A name that is bound, or an imported one that is read."""
    if not isinstance(node.ctx, ast.Load):
        scope.bound.add(node.id)
    elif node.id in reader.imported:
        reader.load((node.id, ""), scope, node.lineno, around)


def attribute(reader: Reader, node: ast.Attribute, scope: Scope, around: int) -> None:
    """Attributes of an imported name, or of anything else that is looked into."""
    chain = chain_of(node)
    if chain is None:
        reader.push([_base(node)], scope)
    elif chain[0] in reader.imported:
        reader.load(chain, scope, node.lineno, around)


def call(reader: Reader, node: ast.Call, scope: Scope, around: int, unpacked: int = 0) -> None:
    """A call, with how many names its result is unpacked into."""
    chain, args = chain_of(node.func), node.args
    if chain is None:
        reader.push([node.func], scope)
    elif chain[0] in reader.imported:
        _imported_call(reader, node, chain, scope, unpacked)
    elif chain in _TYPE_TESTS and len(args) == 2:
        reader.push([args[1]], scope, ISINSTANCE)
        args = args[:1]
    if chain is not None and chain[1]:
        pairing.called(scope, chain, node.lineno, in_finally=bool(around & FINALLY))
    # Below an `except` or an annotation a call's arguments are values.
    reader.push([*args, *(each.value for each in node.keywords)], scope, around & FINALLY)


def compare(reader: Reader, node: ast.Compare, scope: Scope, around: int) -> None:
    """A comparison, perhaps with a literal."""
    reader.compared += comparing.in_compare(node, scope)
    reader.push([node.left, *node.comparators], scope)


def constant(reader: Reader, node: ast.Constant, scope: Scope, around: int) -> None:
    """A text that is an annotation is read as the expression that it holds."""
    if around & ANNOTATION and isinstance(node.value, str) and len(node.value) < 500:
        try:
            inside = ast.parse(node.value, mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        for each in ast.walk(inside):
            each.__dict__["lineno"] = node.lineno
        reader.push([inside], scope, ANNOTATION)


def _imported_call(reader: Reader, node: ast.Call, chain: tuple[str, str], scope: Scope, unpacked: int) -> None:
    reader.load(chain, scope, node.lineno, called=True)
    before, _, method = chain[1].rpartition(".")
    if method in _CHANGES:
        reader.writes.append(Write(scope, chain[0], before, node.lineno, method))
    positional, passed = 0, list[tuple[str, str]]()
    for each in node.args:
        if isinstance(each, ast.Starred):
            break
        literal = literals.text_of(each)
        passed += [(str(positional), literal)] if literal else []
        positional += 1
    for keyword in node.keywords:
        literal = literals.text_of(keyword.value)
        passed += [(keyword.arg, literal)] if literal and keyword.arg else []
    if positional > 3 or unpacked > 2 or passed:
        reader.calls.append(Called(scope, *chain, node.lineno, positional, unpacked, tuple(passed)))


def _base(node: ast.Attribute) -> ast.expr:
    value: ast.expr = node
    while isinstance(value, ast.Attribute):
        value = value.value
    return value
