"""Modules that stay where they are, because something knows them by their place and not by an import."""

import ast
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from strata.migration.imports import Analysis, FileFacts, How, parse
from strata.migration.project import BadSource, read_source
from strata.migration.refactor.shim import shim_target

# A file without any of these words depends on its place in no way that is looked for.
_WORDS = re.compile(rb"__(?:file|path|package|spec|name)__|resources|pkgutil|pkg_resources|PackageLoader")
_OWN_PLACE = {"__file__", "__path__", "__package__", "__spec__"}
_RESOURCES = re.compile(r"^(importlib\.resources|importlib_resources|pkgutil|pkg_resources)(\.|$)")
_LOGGERS = {"getLogger", "get_logger", "getChild"}
_FOLDER = re.compile(rb"iter_modules|walk_packages|_LazyModule|define_import_structure|listdir|\bi?glob\b|scandir")
_TESTS = {"test", "tests"}
_BASES = {"__init__.py": "package", "__main__.py": "main", "conftest.py": "conftest"}


def fixed_modules(analysis: Analysis) -> dict[str, str]:
    """Each module that is not to be moved, with a short name of the reason."""
    found = {}
    closed = closed_packages(analysis)
    for path, name in analysis.modules.by_path().items():
        facts = analysis.files[path]
        around = closed.get(name if path.endswith("__init__.py") else name.rpartition(".")[0])
        reason = _by_kind(facts, name, analysis)
        if around == "test" or reason is None:
            reason = around or reason or _by_text(facts, analysis)
        if reason:
            found[name] = reason
    return found


def closed_packages(analysis: Analysis) -> Mapping[str, str]:
    """Packages that nothing moves into or out of: those of tests, and those whose folder is read when they run."""
    found = {}
    for name in {name.rpartition(".")[0] for name in analysis.modules.by_path().values()}:
        if _TESTS & set(name.split(".")):
            found[name] = "test"
    for path, name in analysis.modules.by_path().items():
        if path.endswith("/__init__.py"):
            try:
                reads = _FOLDER.search(read_source(analysis.tree.root / path))
            except BadSource:
                reads = None
            if reads:
                found.setdefault(name, "folder-read")
    return found


def _by_kind(facts: FileFacts, name: str, analysis: Analysis) -> str | None:  # noqa: PLR0911 - one kind, one case
    path = PurePosixPath(facts.path)
    if path.name in _BASES:
        return _BASES[path.name]
    if facts.problem is not None:
        return facts.problem.code
    if "." not in name:
        return "top-level"
    ways = {each.how for each in analysis.names[facts.path]}
    if How.PYTEST in ways:
        return "test"
    if ways & {How.SCRIPT, How.MODULE}:
        return "script"
    if facts.rebinds:
        return "rebinds"
    beside = str(path.with_suffix(""))
    if any(other.split(".", 1)[0] == beside for other in analysis.tree.others):
        return "stub"
    return None


def _by_text(facts: FileFacts, analysis: Analysis) -> str | None:
    try:
        data = read_source(analysis.tree.root / facts.path)
        if shim_target(data) is not None:
            return "shim"
        return place_dependence(parse(data)) if _WORDS.search(data) else None
    except BadSource as error:
        return error.code


def place_dependence(tree: ast.Module) -> str | None:
    """How a module depends on its own place: "data-file" or "own-name"; None where it does not.

    Its name is harmless in a logger, a comparison, a message or a look-up in `sys.modules`.
    """
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names) if any(_RESOURCES.match(each.name) for each in names):
                return "data-file"
            case ast.ImportFrom(module=str(module), names=names, level=0) if any(
                _RESOURCES.match(f"{module}.{each.name}") for each in names
            ):
                return "data-file"
            case ast.Name(id=name) if name in _OWN_PLACE:
                return "data-file" if name in {"__file__", "__path__"} else "own-name"
            case ast.Name(id="__name__") if not _is_harmless(parents[node], parents):
                return "own-name"
            case ast.Name(id="PackageLoader"):
                return "data-file"
    return None


def _is_harmless(around: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    match around:
        case ast.Compare() | ast.FormattedValue() | ast.BinOp():
            return True
        case ast.Tuple():
            return isinstance(parents[around], ast.BinOp)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in _LOGGERS
        case ast.Subscript(value=ast.Attribute(attr="modules")):
            return True
    return False
