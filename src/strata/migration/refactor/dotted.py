"""Uses of a module by its whole dotted name, which an `import p.a.m` makes possible, and strings that name it."""

import ast
import re
from collections.abc import Iterable, Iterator

from strata.migration.imports import StringReference, Via
from strata.migration.project import Edit, Source
from strata.migration.refactor.stuck import Stuck

_NAMING = {Via.PATCH, Via.IMPORT_MODULE, Via.LAZY, Via.ENTRY_POINT}
_QUOTE = re.compile(r"[rRuU]?(?:\"\"\"|'''|\"|')")


def chains(tree: ast.AST) -> Iterator[tuple[ast.Attribute | ast.Name, list[str]]]:
    """Each name with the attributes that are taken from it in a row, the longest only: `a.b.c` and its three parts."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and id(node) not in inner and (parts := parts_of(node)):
            yield node, parts


def parts_of(node: ast.expr) -> list[str]:
    """The parts of a dotted name; none for any other expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id, *parts] if isinstance(node, ast.Name) else []


def use_edits(source: Source, tree: ast.Module, old: str, new: str) -> list[Edit]:
    """Changes to every use of `old` in a file with `import old`, in code and in annotations that are strings.

    Raises Stuck where the first part of the name is bound to something else too, or a package on the way to the
    module is used by itself, so that what it has cannot be followed.
    """
    wanted = old.split(".")
    others = [alias.name.split(".") for alias in _unaliased(tree) if alias.name != old]
    if line := _rebound(tree, wanted[0]):
        raise Stuck("rebound", f"line {line}: {wanted[0]} is bound to something else than the package")
    found = []
    for node, parts in chains(tree):
        if parts[0] != wanted[0]:
            continue
        if parts[: len(wanted)] == wanted:
            found.append(Edit(*_span(source, _inner(node, len(parts) - len(wanted))), new))
            continue
        shared = _shared(parts, wanted)
        covered = shared == 1 or any(_shared(other, wanted) >= shared for other in others)
        if shared == len(parts) or not covered:
            raise Stuck("bare-use", f"line {node.lineno}: {'.'.join(parts)} may stand for what moves")
    for constant in _annotations(tree):
        found += _inside(source, constant, old, new)
    return found


def string_edits(source: Source, references: Iterable[StringReference], old: str, new: str) -> list[Edit]:
    """Changes to strings that name `old` or something in it, as a call or a configuration reads them."""
    found = []
    for each in references:
        if each.via not in _NAMING or not re.match(rf"{re.escape(old)}(?![\w])", each.value):
            continue
        start, end = source.offset(each.start), source.offset(each.end)
        quote = _QUOTE.match(source.text, start)
        begun = quote.end() if quote and quote.end() < end else start
        if source.text.startswith(old, begun):
            found.append(Edit(begun, begun + len(old), new))
    return found


def left_string(tree: ast.Module, references: Iterable[StringReference], old: str) -> int | None:
    """The line of a string that may name `old` and is not changed by `string_edits`, such as one in a table."""
    known = {each.start for each in references if each.via in _NAMING and each.value.startswith(old)}
    base = old.rpartition(".")[2]
    for each in references:
        if each.via in {Via.IMPORT_MODULE, Via.LAZY} and each.value.lstrip(".") == base:
            return each.start[0]
    pattern = re.compile(rf"{re.escape(old)}([.:][\w.]+)?")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or (node.lineno, node.col_offset) in known:
            continue
        if isinstance(node.value, str) and pattern.fullmatch(node.value):
            return node.lineno
    return None


def bound_names(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """Names that the module itself binds, with the nodes that do; what functions and classes bind inside is not."""
    found: dict[str, list[ast.AST]] = {}
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.setdefault(name, []).append(node)
                continue
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    found.setdefault(alias.asname or alias.name.partition(".")[0], []).append(node)
            case ast.Name(id=name, ctx=ast.Store()):
                found.setdefault(name, []).append(node)
            case ast.Lambda():
                continue
        stack += ast.iter_child_nodes(node)
    return found


def _unaliased(tree: ast.Module) -> Iterator[ast.alias]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias for alias in node.names if alias.asname is None)


def _rebound(tree: ast.Module, name: str) -> int | None:  # noqa: PLR0911 - one form, one case
    """The line where a name is bound by anything but an import of packages below it."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=found, ctx=ast.Store() | ast.Del()) if found == name:
                return node.lineno
            case ast.arg(arg=found) if found == name:
                return node.lineno
            case ast.FunctionDef(name=found) | ast.AsyncFunctionDef(name=found) | ast.ClassDef(name=found) if (
                found == name
            ):
                return node.lineno
            case ast.ExceptHandler(name=found) if found == name:
                return node.lineno
            case ast.MatchAs(name=found) | ast.MatchStar(name=found) if found == name:
                return node.lineno
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                if any((alias.asname or "") == name for alias in names):
                    return node.lineno
                if isinstance(node, ast.ImportFrom) and any(alias.name in {name, "*"} for alias in names):
                    return node.lineno
    return None


def _shared(parts: list[str], wanted: list[str]) -> int:
    """How many parts both begin with."""
    shared = 0
    while shared < min(len(parts), len(wanted)) and parts[shared] == wanted[shared]:
        shared += 1
    return shared


def _inner(node: ast.Attribute | ast.Name, steps: int) -> ast.expr:
    inner: ast.expr = node
    for _ in range(steps):
        assert isinstance(inner, ast.Attribute)
        inner = inner.value
    return inner


def _annotations(tree: ast.Module) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        annotated = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        for annotation in annotated:
            if isinstance(annotation, ast.AST):
                inner = ast.walk(annotation)
                yield from (each for each in inner if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _inside(source: Source, constant: ast.Constant, old: str, new: str) -> list[Edit]:
    pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
    if not pattern.search(str(constant.value)):
        return []
    start, end = _span(source, constant)
    return [Edit(start + at.start(), start + at.end(), new) for at in pattern.finditer(source.text[start:end])]


def _span(source: Source, node: ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return source.offset((node.lineno, node.col_offset)), source.offset((node.end_lineno, node.end_col_offset))
