"""Reading one file: its import statements and what bears on them. Nothing is run."""

import ast
import gc
import hashlib
import re
import warnings
from collections.abc import Iterator

from strata.migration.imports.facts import FileFacts, Guard, Statement
from strata.migration.imports.strings import string_references
from strata.migration.project import BadSource, Problem, decode

REBOUND = {"__package__", "__name__", "__spec__", "__path__", "__import__"}
# Neither `x.__name__`, nor compared or called, nor the only argument of a call: most files have these.
_REBINDS = re.compile(rb"(?<![.\w])(?!(?<=\()__name__\))__(?:package|name|spec|path|import)__(?!\s*(?:==|\())")
_Block = tuple[list[ast.stmt], str, Guard]


def scan(path: str, data: bytes) -> FileFacts:
    """The facts of a file with these bytes; one that does not parse has a problem instead, and raises nothing."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        tree = parse(data)
    except BadSource as error:
        return FileFacts(path, digest, problem=Problem(path, error.code, str(error), error.__dict__.get("line")))
    statements = statements_of(tree)
    main = b"__main__" in data and any(isinstance(node, ast.If) and _is_main(node.test) for node, _, _ in _walk(tree))
    rebinds = _rebinds(tree) if _REBINDS.search(data) else ()
    strings = string_references(tree, data)
    return FileFacts(path, digest, statements, strings, main, data.startswith(b"#!"), rebinds)


def statements_of(tree: ast.Module) -> tuple[Statement, ...]:
    """The import statements of a syntax tree, in the order of the text."""
    return tuple(_statement(node, scope, guard) for node, scope, guard in _walk(tree) if not isinstance(node, ast.If))


def parse(data: bytes) -> ast.Module:
    """The syntax tree; raises BadSource for whatever the compiler cannot take, its encoding included."""
    collecting = gc.isenabled()
    gc.disable()  # a tree has no cycles, and looking for some in every new one costs a third of the time
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are the author's business
            return ast.parse(data)
    except SyntaxError as error:
        bad = BadSource("syntax", f"does not parse: {error.msg} (line {error.lineno})")
        bad.__dict__["line"] = error.lineno
        if data.isascii() or b"codec" not in str(error).encode():
            raise bad from error
        decode(data)  # says what is wrong with the encoding, if that is it
        raise bad from error
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or "it is nested too deeply"
        raise BadSource("syntax", f"does not parse: {reason}") from error
    finally:
        if collecting:
            gc.enable()


def _walk(tree: ast.Module) -> Iterator[tuple[ast.Import | ast.ImportFrom | ast.If, str, Guard]]:
    """Import statements and the `if`s at the top, in the order of the text, without recursion."""
    stack: list[tuple[ast.stmt, str, Guard]] = [(node, "", Guard.NONE) for node in reversed(tree.body)]
    while stack:
        node, scope, guard = stack.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, scope, guard
            continue
        if isinstance(node, ast.If) and not scope:
            yield node, scope, guard
        for body, inside, around in reversed(_blocks(node, scope, guard)):
            stack += [(child, inside, around) for child in reversed(body)]


def _blocks(node: ast.stmt, scope: str, guard: Guard) -> list[_Block]:  # noqa: PLR0911 - one case, one line
    """The bodies inside a statement, in the order of the text."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [(node.body, _inner(scope, node.name), guard | Guard.FUNCTION)]
        case ast.ClassDef():
            return [(node.body, _inner(scope, node.name), guard)]
        case ast.If():
            inside = guard | (Guard.TYPE_CHECKING if _is_type_checking(node.test) else Guard.CONDITIONAL)
            return [(node.body, scope, inside), (node.orelse, scope, guard | Guard.CONDITIONAL)]
        case ast.For() | ast.AsyncFor() | ast.While():
            return [(node.body, scope, guard | Guard.CONDITIONAL), (node.orelse, scope, guard | Guard.CONDITIONAL)]
        case ast.With() | ast.AsyncWith():
            return [(node.body, scope, guard | (Guard.TRY if _suppresses(node) else Guard.NONE))]
        case ast.Try() | ast.TryStar():
            tried = guard | (Guard.TRY if node.handlers else Guard.NONE)
            handlers = [(each.body, scope, guard | Guard.HANDLER) for each in node.handlers]
            return [(node.body, scope, tried), *handlers, (node.orelse, scope, tried), (node.finalbody, scope, guard)]
        case ast.Match():
            return [(case.body, scope, guard | Guard.CONDITIONAL) for case in node.cases]
    return []


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


def _rebinds(tree: ast.Module) -> tuple[str, ...]:
    """Names of REBOUND that the module sets as globals: at its own level, or where they are said to be global."""
    found, stack = set(), list[ast.AST](tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.AnnAssign) and node.value is None:
            continue  # says what it is, and sets nothing
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)
    for each in ast.walk(tree):
        match each:
            case ast.Global(names=names):
                found.update(names)
            case ast.Subscript(
                value=ast.Call(func=ast.Name(id="globals" | "vars")),
                slice=ast.Constant(value=str(name)),
                ctx=ast.Store(),
            ):
                found.add(name)
    return tuple(sorted(found & REBOUND))


def _inner(scope: str, name: str) -> str:
    return f"{scope}.{name}" if scope else name
