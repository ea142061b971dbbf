"""Comparisons of something that has a name with a literal that has a meaning."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from strata.migration.connascence.literals import text_of
from strata.migration.connascence.scopes import Scope, chain_of


class Found(NamedTuple):
    """A comparison; root: the first name of an attribute, whose import is not yet looked up."""

    scope: Scope
    kind: str
    subject: str
    root: str | None
    literal: str
    line: int


def in_compare(node: ast.Compare, scope: Scope) -> Iterator[Found]:
    """`x == "a"`, `"a" != x`, `x in ("a", "b")`."""
    if len(node.ops) != 1:
        return
    left, right = node.left, node.comparators[0]
    match node.ops[0]:
        case ast.Eq() | ast.NotEq():
            yield from _found(left, [right], scope)
            yield from _found(right, [left], scope)
        case ast.In() | ast.NotIn() if isinstance(right, ast.Tuple | ast.List | ast.Set):
            yield from _found(left, right.elts, scope)


def in_match(node: ast.Match, scope: Scope) -> Iterator[Found]:
    """`match x:` with `case "a" | "b":`."""
    open_ones: list[ast.pattern] = [case.pattern for case in node.cases]
    while open_ones:
        match open_ones.pop():
            case ast.MatchValue(value=value):
                yield from _found(node.subject, [value], scope)
            case ast.MatchOr(patterns=patterns) | ast.MatchAs(pattern=ast.MatchOr(patterns=patterns)):
                open_ones += patterns


def _found(subject: ast.expr, values: list[ast.expr], scope: Scope) -> Iterator[Found]:
    if isinstance(subject, ast.Constant):
        return
    known = None
    for value in values:
        literal = text_of(value)
        if literal is not None:
            known = known or _subject(subject, scope)
            if known is None:
                return
            yield Found(scope, *known, literal, value.lineno)


def _subject(node: ast.expr, scope: Scope) -> tuple[str, str, str | None] | None:
    match node:
        case ast.Name(id=name):
            return ("parameter" if name in scope.parameters else "name"), name, None
        case ast.Attribute(attr=name):
            chain = chain_of(node)
            return "attribute", name, chain and chain[0]
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return "key", name, None
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return "key", name, None
    return None
