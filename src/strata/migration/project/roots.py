"""The folders from which a project's modules are imported, read from its configuration and never by running it."""

import ast
import keyword
import os
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from strata.migration.project.source import BadSource, read_source
from strata.migration.project.tree import BadProject, Tree

_CONFIGURATION = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Root:
    """A folder on `sys.path`, from the tree's root with `/` ("" is the tree), and why it is one.

    prefix: dotted name of the folder itself, where the tree is a package and what is on `sys.path` lies above it.
    """

    folder: str
    why: str = "given"
    prefix: str = ""

    def name_of(self, path: str) -> str | None:
        """The dotted name of a Python file; None where it has none, as in a folder with a hyphen, or outside."""
        inside = _inside(path.removesuffix(".py"), self.folder)
        if inside is None:
            return None
        parts = inside.split("/")
        if parts[-1] == "__init__":
            parts.pop()
        if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
            return None
        return ".".join([self.prefix, *parts] if self.prefix else parts) or None

    def place_of(self, name: str) -> str | None:
        """The path, without an ending, at which a dotted name would lie; None for a name that is not below the root."""
        parts = name.split(".")
        if self.prefix:
            above = self.prefix.split(".")
            if parts[: len(above)] != above:
                return None
            parts = parts[len(above) :]
        return "/".join([self.folder, *parts] if self.folder else parts)


def find_roots(tree: Tree, given: Iterable[str] = ()) -> tuple[Root, ...]:
    """The roots in the order in which names are looked up.

    Those that are given; else what `pyproject.toml` says (`tool.strata.imports.roots`, pytest's `pythonpath`, where
    setuptools, hatch, poetry and pdm find packages), what conftest files put on `sys.path`, `src`, and the tree itself.
    A tree that is a package has one root, above it. Raises BadProject for a root that is no folder of the tree.
    """
    if chosen := tuple(given):
        return tuple(_checked(tree, folder, "given") for folder in chosen)
    paths = {file.path for file in tree.files}
    if "__init__.py" in paths and tree.root.name.isidentifier():
        return (Root("", "the tree is a package", _prefix(tree.root)),)
    configured = _configuration(tree.root)
    if listed := _strings(_at(configured, "tool", "strata", "imports", "roots")):
        return tuple(_checked(tree, folder, "tool.strata.imports.roots") for folder in listed)
    found: dict[str, Root] = {}
    for folder, why in (*_built(configured), *_tested(configured), *_conftests(tree), *_usual(paths)):
        place = _normal(folder)
        if place is not None and place not in found and (not place or any(p.startswith(f"{place}/") for p in paths)):
            found[place] = Root(place, why)
    return tuple(found.values())


def _prefix(root: Path) -> str:
    parts = [root.name]
    for folder in root.parents:
        if not (folder / "__init__.py").is_file() or not folder.name.isidentifier():
            break
        parts.insert(0, folder.name)
    return ".".join(parts)


def _checked(tree: Tree, folder: str, why: str) -> Root:
    place = _normal(folder)
    if place is None or not (tree.root / place).is_dir():
        raise BadProject(f"the root {folder!r} ({why}) is no folder inside {tree.root}")
    return Root(place, why)


def _configuration(root: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_source(root / _CONFIGURATION).decode())
    except (BadSource, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return {}  # a project without it, or with one that says nothing that can be used


def _built(configured: dict[str, Any]) -> Iterator[tuple[str, str]]:
    tools = _at(configured, "tool")
    for folder in _strings(_at(tools, "setuptools", "packages", "find", "where")):
        yield folder, "setuptools' packages.find.where"
    folders = _at(tools, "setuptools", "package-dir")
    if isinstance(folders, dict) and isinstance(folders.get(""), str):
        yield folders[""], "setuptools' package-dir"
    for package in _strings(_at(tools, "hatch", "build", "targets", "wheel", "packages")):
        yield str(PurePosixPath(package).parent), "hatch's packages"
    packages = _at(tools, "poetry", "packages")
    for package in packages if isinstance(packages, list) else []:
        if isinstance(package, dict) and isinstance(package.get("from"), str):
            yield package["from"], "poetry's packages"
    if isinstance(folder := _at(tools, "pdm", "build", "package-dir"), str):
        yield folder, "pdm's package-dir"


def _tested(configured: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for folder in _strings(_at(configured, "tool", "pytest", "ini_options", "pythonpath")):
        yield folder, "pytest's pythonpath"


def _usual(paths: set[str]) -> Iterator[tuple[str, str]]:
    if any(path.startswith("src/") for path in paths) and "src/__init__.py" not in paths:
        yield "src", "the src layout"
    yield "", "the tree"


def _conftests(tree: Tree) -> Iterator[tuple[str, str]]:
    for file in tree.files:
        if PurePosixPath(file.path).name != "conftest.py":
            continue
        try:
            text = read_source(tree.root / file.path)
            parsed = ast.parse(text) if b"sys.path" in text else None
        except (BadSource, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(parsed) if parsed else ():
            if isinstance(node, ast.Call) and re.fullmatch(r"sys\.path\.(insert|append)", _dotted(node.func)):
                folder = _folder(node.args[-1], file.path) if node.args else None
                if folder is not None:
                    yield folder, f"{file.path} puts it on sys.path"


def _folder(node: ast.expr, file: str) -> str | None:  # noqa: PLR0911 - one form, one case
    """The folder that an expression names, where it is made of `__file__`, parents and constants; else None."""
    match node:
        case ast.Name(id="__file__"):
            return file
        case ast.Call(func=func, args=[inner]) if _last(func) in {
            "abspath",
            "dirname",
            "realpath",
            "resolve",
            "str",
            "fspath",
            "Path",
        }:
            inside = _folder(inner, file)
            return _up(inside) if inside is not None and _last(func) == "dirname" else inside
        case ast.Call(func=ast.Attribute(value=inner, attr="resolve" | "absolute" | "as_posix"), args=[]):
            return _folder(inner, file)
        case ast.Attribute(value=inner, attr="parent"):
            inside = _folder(inner, file)
            return None if inside is None else _up(inside)
        case ast.Subscript(value=ast.Attribute(value=inner, attr="parents"), slice=ast.Constant(value=int(steps))):
            inside = _folder(inner, file)
            for _ in range(min(steps, 32) + 1):
                inside = None if inside is None else _up(inside)
            return inside
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Constant(value=str(name))):
            return _join(_folder(left, file), [name])
        case ast.Call(func=func, args=[first, *rest]) if _last(func) == "join":
            names = [part.value for part in rest if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            return _join(_folder(first, file), names) if len(names) == len(rest) else None
    return None


def _join(folder: str | None, names: Iterable[str]) -> str | None:
    return None if folder is None else _normal("/".join([folder or ".", *names]))


def _up(folder: str) -> str | None:
    return _normal(f"{folder}/..") if folder else None


def _normal(folder: str) -> str | None:
    """The folder from the tree's root; None where it lies outside."""
    place = os.path.normpath(folder).replace(os.sep, "/")
    if place.startswith(("..", "/")) or "\0" in place:
        return None
    return "" if place == "." else place


def _inside(path: str, folder: str) -> str | None:
    if not folder:
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else None


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _strings(value: Any) -> list[str]:
    values = [value] if isinstance(value, str) else value
    return [each for each in values if isinstance(each, str)] if isinstance(values, list) else []


def _last(node: ast.expr) -> str:
    return _dotted(node).rpartition(".")[2]


def _dotted(node: ast.expr) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return ".".join([node.id, *parts] if isinstance(node, ast.Name) else ["", *parts])
