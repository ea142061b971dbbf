"""The facts of one file's code."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from strata.migration.connascence.bodies import digests
from strata.migration.connascence.definitions import class_of
from strata.migration.connascence.facts import (
    Call,
    CodeFacts,
    Compared,
    Function,
    Mutated,
    Paired,
    Passed,
    TypeSite,
    Use,
)
from strata.migration.connascence.pairing import pairs
from strata.migration.connascence.reader import Reader
from strata.migration.connascence.scopes import Scope
from strata.migration.connascence.walk import walk
from strata.migration.imports import parse
from strata.migration.project import BadSource

FEWEST = 6  # statements of a function that is worth comparing with others
_BODIES = 4_000  # functions of one file that are compared


class _Placed(Protocol):
    @property
    def line(self) -> int: ...


_Row = TypeVar("_Row", bound=_Placed)


def extract(path: str, data: bytes) -> CodeFacts:
    """The facts of a file with these bytes; one that does not parse has none, and raises nothing."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        tree = parse(data)
    except BadSource:
        return CodeFacts(path, digest)
    is_shim = not path.endswith("__init__.py") and _is_shim(tree)
    read = walk(tree)
    paired, ensured = _paired(read)
    return CodeFacts(
        path,
        digest,
        bindings=tuple(read.bindings),
        names=read.names,
        stars=tuple(read.stars),
        functions=_by_line(_functions(read, tree)),
        classes=_by_line(class_of(*each, read.imported) for each in read.classes),
        uses=_uses(read),
        types=_by_line(
            TypeSite(binding, load.chain, load.line, load.how)
            for load in read.loads
            if load.how and (binding := load.scope.binding(load.root)) is not None
        ),
        calls=_by_line(
            Call(binding, each.chain, each.line, each.positional, each.unpacked)
            for each in read.calls
            if (each.positional > 3 or each.unpacked > 2) and (binding := each.scope.binding(each.root)) is not None
        ),
        passed=_by_line(
            Passed(binding, each.chain, each.line, argument, literal)
            for each in read.calls
            if each.passed and (binding := each.scope.binding(each.root)) is not None
            for argument, literal in each.passed
        ),
        compared=_by_line(
            Compared(each.kind, each.subject, each.scope.name, _root(each.scope, each.root), each.literal, each.line)
            for each in read.compared
        ),
        constants=_by_line(read.constants),
        mutated=_by_line(
            Mutated(binding, each.chain, each.line, each.how)
            for each in read.writes
            if (binding := each.scope.binding(each.root)) is not None
        ),
        paired=_by_line(paired),
        ensured=read.ensured + ensured,
        is_shim=is_shim,
    )


def _by_line(rows: Iterable[_Row]) -> tuple[_Row, ...]:
    """In the order of the text, which the walk does not keep."""
    return tuple(sorted(rows, key=lambda row: row.line))


def _root(scope: Scope, name: str | None) -> int | None:
    return None if name is None else scope.binding(name)


def _uses(read: Reader) -> tuple[Use, ...]:
    counts, calls, lines = Counter[tuple[int, str]](), Counter[tuple[int, str]](), dict[tuple[int, str], int]()
    for load in read.loads:
        binding = load.scope.binding(load.root)
        if binding is not None:
            key = binding, load.chain
            counts[key] += 1
            calls[key] += load.called
            lines[key] = min(load.line, lines.get(key, load.line))
    return tuple(Use(*key, lines[key], counts[key], calls[key]) for key in sorted(counts))


def _functions(read: Reader, tree: ast.Module) -> Iterator[Function]:
    for inner, _ in reversed(read.functions):
        if inner.parent is not None and inner.parent.kind == "function":
            inner.parent.statements += inner.statements
    known = digests(tree) if any(inner.statements >= FEWEST for inner, _ in read.functions) else {}
    compared = 0
    for inner, node in read.functions:
        first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        body = known.get((first, node.name), "") if inner.statements >= FEWEST else ""
        compared += bool(body)
        lengths = inner.returned
        yield Function(
            inner.name,
            node.lineno,
            tuple(each.arg for each in (*node.args.posonlyargs, *node.args.args)),
            node.args.vararg is not None,
            next(iter(lengths)) if len(lengths) == 1 else 0,
            inner.statements,
            body if compared <= _BODIES else "",
        )


def _paired(read: Reader) -> tuple[tuple[Paired, ...], int]:
    found = [each for inner, _ in read.functions for each in pairs(inner)]
    return tuple(pair for pair, ensured in found if not ensured), sum(ensured for _, ensured in found)


def _is_shim(tree: ast.Module) -> bool:
    """Whether a module only passes on what other modules hold.

    It takes names `from` them and does nothing but warn and say which names they are, or it puts another module that it
    imports in its own place.
    """
    kinds = {_kind(node) for node in tree.body}
    if None in kinds:
        return False
    return ("import" in kinds and "replaced" in kinds) or ("from" in kinds and "import" not in kinds)


def _kind(node: ast.stmt) -> str | None:
    kind = None
    match node:
        case ast.ImportFrom(level=0, module="__future__" | "warnings"):
            kind = "beside"
        case ast.Import(names=[ast.alias(name="warnings" | "sys")]):
            kind = "beside"
        case ast.ImportFrom():
            kind = "from"
        case ast.Import():
            kind = "import"
        case ast.Expr(value=ast.Constant(value=str()) | ast.Call(func=ast.Name("warn") | ast.Attribute(attr="warn"))):
            kind = "beside"
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            kind = "beside"
        case ast.Assign(targets=[ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="modules"))]):
            kind = "replaced"
    return kind
