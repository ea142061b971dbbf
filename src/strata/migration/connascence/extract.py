"""The facts of one file's code."""

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator

from strata.migration.connascence.bodies import digests
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
from strata.migration.connascence.scopes import Scope, imported_names
from strata.migration.connascence.walk import Walker, class_of
from strata.migration.imports import parse
from strata.migration.project import BadSource

FEWEST = 6  # statements of a function that is worth comparing with others
_BODIES = 4_000  # functions of one file that are compared


def extract(path: str, data: bytes) -> CodeFacts:
    """The facts of a file with these bytes; one that does not parse has none, and raises nothing."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        tree = parse(data)
    except BadSource:
        return CodeFacts(path, digest)
    is_shim = not path.endswith("__init__.py") and _is_shim(tree)
    imported = imported_names(tree)
    walker = Walker(tree, imported)
    paired, ensured = _paired(walker)
    return CodeFacts(
        path,
        digest,
        bindings=tuple(walker.bindings),
        names=walker.names,
        stars=tuple(walker.stars),
        functions=tuple(_functions(walker, tree)),
        classes=tuple(class_of(*each, imported) for each in walker.classes),
        uses=_uses(walker),
        types=tuple(
            TypeSite(binding, load.chain, load.line, load.how)
            for load in walker.loads
            if load.how and (binding := load.scope.binding(load.root)) is not None
        ),
        calls=tuple(
            Call(binding, each.chain, each.line, each.positional, each.unpacked)
            for each in walker.calls
            if (each.positional > 3 or each.unpacked > 2) and (binding := each.scope.binding(each.root)) is not None
        ),
        passed=tuple(
            Passed(binding, each.chain, each.line, argument, literal)
            for each in walker.calls
            if each.passed and (binding := each.scope.binding(each.root)) is not None
            for argument, literal in each.passed
        ),
        compared=tuple(
            Compared(each.kind, each.subject, each.scope.name, _root(each.scope, each.root), each.literal, each.line)
            for each in walker.compared
        ),
        constants=tuple(walker.constants),
        mutated=tuple(
            Mutated(binding, each.chain, each.line, each.how)
            for each in walker.writes
            if (binding := each.scope.binding(each.root)) is not None
        ),
        paired=paired,
        ensured=walker.ensured + ensured,
        is_shim=is_shim,
    )


def _root(scope: Scope, name: str | None) -> int | None:
    return None if name is None else scope.binding(name)


def _uses(walker: Walker) -> tuple[Use, ...]:
    counts, calls, lines = Counter[tuple[int, str]](), Counter[tuple[int, str]](), dict[tuple[int, str], int]()
    for load in walker.loads:
        binding = load.scope.binding(load.root)
        if binding is not None:
            key = binding, load.chain
            counts[key] += 1
            calls[key] += load.called
            lines[key] = min(load.line, lines.get(key, load.line))
    return tuple(Use(*key, lines[key], counts[key], calls[key]) for key in sorted(counts))


def _functions(walker: Walker, tree: ast.Module) -> Iterator[Function]:
    for inner, _ in reversed(walker.functions):
        if inner.parent is not None and inner.parent.kind == "function":
            inner.parent.statements += inner.statements
    known = digests(tree) if any(inner.statements >= FEWEST for inner, _ in walker.functions) else {}
    compared = 0
    for inner, node in walker.functions:
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


def _paired(walker: Walker) -> tuple[tuple[Paired, ...], int]:
    found = [each for inner, _ in walker.functions for each in pairs(inner)]
    return tuple(pair for pair, ensured in found if not ensured), sum(ensured for _, ensured in found)


def _is_shim(tree: ast.Module) -> bool:
    """Whether a module holds only `from` imports, and what warns or says which names they are."""
    kinds = [_kind(node) for node in tree.body]
    return "import" in kinds and None not in kinds


def _kind(node: ast.stmt) -> str | None:
    match node:
        case ast.ImportFrom(level=0, module="__future__" | "warnings"):
            return "beside"
        case ast.ImportFrom():
            return "import"
        case ast.Import(names=[ast.alias(name="warnings" | "sys")]):
            return "beside"
        case ast.Expr(
            value=ast.Constant(value=str()) | ast.Call(func=ast.Attribute(attr="warn") | ast.Name(id="warn"))
        ):
            return "beside"
        case ast.Assign(targets=[ast.Name(id="__all__") | ast.Subscript(value=ast.Attribute(attr="modules"))]):
            return "beside"
    return None
