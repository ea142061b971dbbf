"""Reading one file: its import statements and what bears on them. Nothing is run."""

import ast
import gc
import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from strata.migration.imports.facts import FileFacts, Guard, Statement
from strata.migration.imports.search import Lines, places
from strata.migration.imports.strings import string_references
from strata.migration.project import BadSource, Problem, decode

REBOUND = {"__package__", "__name__", "__spec__", "__path__", "__import__"}
_STATEMENTS = (b"import", b"__main__")
_REBINDS = (b"__package__", b"__spec__", b"__path__", b"__import__")
# Neither `x.__name__`, nor compared or called, nor the only argument of a call: most files have these.
_NAME = re.compile(rb"(?<![.\w])(?!(?<=\()__name__\))__name__(?!\s*(?:==|\())")
_Block = tuple[list[ast.stmt], str, Guard]


def scan(path: str, data: bytes) -> FileFacts:
    """The facts of a file with these bytes; one that does not parse has a problem instead, and raises nothing."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        tree = parse(data)
    except BadSource as error:
        return FileFacts(path, digest, problem=Problem(path, error.code, str(error), error.line))
    found = list(_walk(tree, Lines(data, _STATEMENTS)))
    statements = tuple(_statement(*each) for each in found if not isinstance(each[0], ast.If))
    main = any(isinstance(node, ast.If) and _is_main(node.test) for node, _, _ in found)
    strings = string_references(tree, data)
    return FileFacts(path, digest, statements, strings, main, data.startswith(b"#!"), _rebinds(tree, data))


def statements_of(tree: ast.Module) -> tuple[Statement, ...]:
    """The import statements of a syntax tree, in the order of the text."""
    return tuple(_statement(*each) for each in _walk(tree) if not isinstance(each[0], ast.If))


def parse(data: bytes) -> ast.Module:
    """The syntax tree; raises BadSource for whatever the compiler cannot take, its encoding included."""
    collecting = gc.isenabled()
    gc.disable()  # a tree has no cycles, and looking for some takes longer than parsing
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the author's business
            return ast.parse(data)
    except SyntaxError as error:
        if not data.isascii() or "codec" in str(error) or "encoding" in str(error):
            decode(data)  # says what is wrong with the encoding, if that is it
        where = f" (line {error.lineno})" if error.lineno else ""
        raise BadSource("syntax", f"does not parse: {error.msg}{where}", error.lineno or None) from error
    except (RecursionError, MemoryError) as error:
        raise BadSource("syntax", "does not parse: it is nested too deeply for the compiler") from error
    except ValueError as error:
        raise BadSource("syntax", f"does not parse: {error}") from error
    finally:
        if collecting:
            gc.enable()


def _walk(tree: ast.Module, lines: Lines | None = None) -> Iterator[tuple[Any, str, Guard]]:
    """Import statements and the `if`s at the top, in the order of the text, without recursion.

    lines: those that can have such; all if not given.
    """
    if lines is not None and not lines:
        return
    stack: list[tuple[ast.stmt, str, Guard]] = [(node, "", Guard.NONE) for node in reversed(tree.body)]
    while stack:
        node, scope, guard = stack.pop()
        kind = type(node)
        if kind is ast.Import or kind is ast.ImportFrom:
            yield node, scope, guard
        elif kind in _BLOCKS and (lines is None or lines.touch(node)):
            if kind is ast.If and not scope:
                yield node, scope, guard
            for body, inside, around in reversed(_BLOCKS[kind](node, scope, guard)):
                stack += [(child, inside, around) for child in reversed(body)]


# The bodies inside a statement, in the order of the text.
def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, scope: str, guard: Guard) -> list[_Block]:
    return [(node.body, _inner(scope, node.name), guard | Guard.FUNCTION)]


def _class(node: ast.ClassDef, scope: str, guard: Guard) -> list[_Block]:
    return [(node.body, _inner(scope, node.name), guard)]


def _if(node: ast.If, scope: str, guard: Guard) -> list[_Block]:
    inside = guard | (Guard.TYPE_CHECKING if _is_type_checking(node.test) else Guard.CONDITIONAL)
    if isinstance(node.test, ast.Compare) and _is_main(node.test):
        inside |= Guard.MAIN
    return [(node.body, scope, inside), (node.orelse, scope, guard | Guard.CONDITIONAL)]


def _loop(node: ast.For | ast.AsyncFor | ast.While, scope: str, guard: Guard) -> list[_Block]:
    return [(node.body, scope, guard | Guard.CONDITIONAL), (node.orelse, scope, guard | Guard.CONDITIONAL)]


def _with(node: ast.With | ast.AsyncWith, scope: str, guard: Guard) -> list[_Block]:
    return [(node.body, scope, guard | (Guard.TRY if _suppresses(node) else Guard.NONE))]


def _try(node: ast.Try | ast.TryStar, scope: str, guard: Guard) -> list[_Block]:
    tried = (node.body, scope, guard | (Guard.TRY if node.handlers else Guard.NONE))
    handlers = [(each.body, scope, guard | Guard.HANDLER) for each in node.handlers]
    return [tried, *handlers, (node.orelse, scope, guard | Guard.CONDITIONAL), (node.finalbody, scope, guard)]


def _match(node: ast.Match, scope: str, guard: Guard) -> list[_Block]:
    return [(case.body, scope, guard | Guard.CONDITIONAL) for case in node.cases]


_BLOCKS: dict[type[ast.AST], Callable[[Any, str, Guard], list[_Block]]] = {
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.If: _if,
    ast.For: _loop,
    ast.AsyncFor: _loop,
    ast.While: _loop,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.Try: _try,
    ast.TryStar: _try,
    ast.Match: _match,
}


def _statement(node: ast.Import | ast.ImportFrom, scope: str, guard: Guard) -> Statement:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
    names = tuple((alias.name, alias.asname) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return Statement(start, end, node.level, node.module or "", names, scope, guard)
    return Statement(start, end, None, "", names, scope, guard)


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
        case ast.Compare(left=ast.Constant(value="__main__"), ops=[ast.Eq()], comparators=[ast.Name(id="__name__")]):
            return True
        case ast.BoolOp(values=values):
            return any(map(_is_main, values))
    return False


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _suppresses(node: ast.With | ast.AsyncWith) -> bool:
    calls = [item.context_expr for item in node.items]
    names = [call.func for call in calls if isinstance(call, ast.Call)]
    return any((name.id if isinstance(name, ast.Name) else getattr(name, "attr", "")) == "suppress" for name in names)


def _rebinds(tree: ast.Module, data: bytes) -> tuple[str, ...]:
    """Names of REBOUND that the module sets as globals: at its own level, or where they are said to be global."""
    named = any(_NAME.match(data, at) for at in places(data, b"__name__"))
    lines = Lines(data, (*_REBINDS, b"__name__") if named else _REBINDS)
    if not lines:
        return ()
    found: set[str] = set()
    stack: list[ast.AST] = [*tree.body]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            stack += [child for child in ast.iter_child_nodes(node) if lines.touch(child)]
    for each in lines.walk(tree):
        match each:
            case ast.Global(names=names):
                found.update(names)
            case ast.Attribute(attr="__import__", ctx=ast.Store()):
                found.add("__import__")
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="globals" | "vars")),
                slice=ast.Constant(value=str(name)),
                ctx=ast.Store(),
            ):
                found.add(name)
    return tuple(sorted(found & REBOUND))


def _inner(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name
