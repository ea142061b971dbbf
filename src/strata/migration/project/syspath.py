"""Folders that a conftest file puts on `sys.path`, read from its text and never by running it."""

import ast
import os
from collections.abc import Iterable, Iterator

_SAME = {"abspath", "realpath", "resolve", "str", "fspath", "Path", "PurePath", "expanduser", "normpath", "absolute"}
_Known = dict[str, str | None]


def added_folders(text: bytes, path: str) -> list[str]:
    """The folders, from the tree's root with `/`, that the file at `path` adds where they are made of `__file__`,
    its parents, constants and names bound to such at the top of the file; others, and those outside, are left out.
    """
    if b"sys" not in text or b"path" not in text:
        return []
    try:
        tree = ast.parse(text)
        known: _Known = {}
        for node in tree.body:
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=name)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                ):
                    known[name] = _folder(value, path, known)
        found = [_folder(each, path, known) for node in ast.walk(tree) for each in _added(node)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # the scan of the file says what is wrong with it
    return list(dict.fromkeys(folder for folder in found if folder is not None))


def normal(folder: str) -> str | None:
    """The folder from the tree's root, "" for the root; None where it lies outside."""
    place = os.path.normpath(folder).replace(os.sep, "/")
    if place.startswith(("..", "/")) or "\0" in place:
        return None
    return "" if place == "." else place


def _added(node: ast.AST) -> Iterable[ast.expr]:
    """The expressions of what a statement or a call adds to `sys.path`."""
    match node:
        case ast.Call(func=ast.Attribute(value=target, attr="insert" | "append"), args=[*_, folder]):
            return [folder] if _is_sys_path(target) else []
        case ast.Call(func=ast.Attribute(value=target, attr="extend"), args=[folders]):
            return _items(folders) if _is_sys_path(target) else []
        case ast.AugAssign(target=target, value=folders) | ast.Assign(targets=[target], value=folders):
            inner = target.value if isinstance(target, ast.Subscript) else target
            return _items(folders) if _is_sys_path(inner) else []
    return []


def _items(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            yield from items
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _items(left)
            yield from _items(right)


def _is_sys_path(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and _last(node) == "path" and _last(node.value) == "sys"


def _folder(node: ast.expr, file: str, known: _Known) -> str | None:  # noqa: PLR0911, PLR0912 - one form, one case
    match node:
        case ast.Name(id="__file__"):
            return file
        case ast.Name(id=name):
            return known.get(name)
        case ast.Constant(value=str(name)):
            return normal(name)
        case ast.Call(func=func, args=[]) if _last(func) in {"getcwd", "cwd"}:
            return ""  # tests are run from there
        case ast.Call(func=ast.Attribute(value=inner, attr=attr), args=[]) if attr in {*_SAME, "as_posix"}:
            return _folder(inner, file, known)
        case ast.Call(func=func, args=[inner]) if _last(func) == "dirname":
            return _up(_folder(inner, file, known))
        case ast.Call(func=func, args=[inner]) if _last(func) in _SAME:
            return _folder(inner, file, known)
        case ast.Attribute(value=inner, attr="parent"):
            return _up(_folder(inner, file, known))
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(steps))):
            inside = _folder(inner, file, known)
            for _ in range(min(steps, 64) + 1):
                inside = _up(inside)
            return inside
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _join(_folder(left, file, known), [right])
        case ast.Call(func=func, args=[first, *rest]) if _last(func) in {"join", "joinpath", "Path"}:
            if _last(func) == "joinpath" and isinstance(func, ast.Attribute):
                first, rest = func.value, [first, *rest]
            return _join(_folder(first, file, known), rest)
    return None


def _join(folder: str | None, parts: Iterable[ast.expr]) -> str | None:
    for part in parts:
        match part:
            case ast.Constant(value=str(name)):
                folder = None if folder is None else normal("/".join([folder or ".", name]))
            case ast.Attribute(attr="pardir"):
                folder = _up(folder)
            case _:
                return None
    return folder


def _up(folder: str | None) -> str | None:
    return normal(f"{folder}/..") if folder else None


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
