"""Rewriters as one would write them in an afternoon: each breaks some of the traps, which is what they are for.

Each takes the files of a tree by path and returns them changed.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

Files = dict[str, str]
Import = ast.Import | ast.ImportFrom


def relative(files: Files) -> Files:
    """Whatever lies in the tree becomes relative, by the files' folders; `__init__` counts as a module of its name."""

    def change(path: str, node: Import) -> str | None:
        here = _dotted(path).split(".")[:-1]
        if isinstance(node, ast.Import):
            name = node.names[0]
            return _relative(here, *_split(name.name), name.asname) if _exists(files, name.name) else None
        if node.level or not _exists(files, node.module or ""):
            return None
        return "\n".join(_relative(here, node.module or "", name.name, name.asname) for name in node.names)

    return _replaced(files, change)


def absolute(files: Files, root: str = "") -> Files:
    """Dots become names of folders below `root`; where nothing follows the dots, what is imported is a module."""

    def change(path: str, node: Import) -> str | None:
        if isinstance(node, ast.Import) or not node.level:
            return None
        if node.module is None:
            return ast.unparse(ast.Import(node.names))
        folders = path.removeprefix(root).strip("/").split("/")[: -node.level]
        return ast.unparse(ast.ImportFrom(".".join([*folders, node.module]), node.names, 0))

    return _replaced(files, change)


def siblings_relative(files: Files) -> Files:
    """An import of a name that a file beside has is taken for Python 2's implicit relative one."""

    def change(path: str, node: Import) -> str | None:
        beside = isinstance(node, ast.ImportFrom) and str(PurePosixPath(path).with_name(f"{node.module}.py")) in files
        return ast.unparse(ast.ImportFrom(node.module, node.names, 1)) if beside else None

    return _replaced(files, change)


def modules_only(files: Files) -> Files:
    """`from p.m import f` becomes `from p import m` and `f = m.f`."""

    def change(path: str, node: Import) -> str | None:
        if isinstance(node, ast.Import) or "." not in (node.module or "") or node.level:
            return None
        above, last = _split(node.module or "")
        return "\n".join([f"from {above} import {last}", *(f"{name.name} = {last}.{name.name}" for name in node.names)])

    return _replaced(files, change)


def names_only(files: Files) -> Files:
    """`import p.m` with `p.m.f` becomes `from p.m import f` with `f`."""

    def change(text: str) -> str:
        for module in re.findall(r"^import (\w+(?:\.\w+)+)$", text, re.MULTILINE):
            use = rf"(?<![\"\w]){re.escape(module)}\.(\w+)"
            names = ", ".join(sorted(set(re.findall(use, text))))
            text = re.sub(use, r"\1", text).replace(f"import {module}\n", f"from {module} import {names}\n")
        return text

    return {path: change(text) for path, text in files.items()}


def module_aliases(files: Files) -> Files:
    """`from p import b as b` becomes `import p.b as b`."""
    return {path: re.sub(r"from (\w+) import (\w+) as \2", r"import \1.\2 as \2", text) for path, text in files.items()}


def sort_imports(files: Files) -> Files:
    """Imports at the top are sorted by their text."""

    def sort(text: str) -> str:
        lines = text.splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if re.match(r"from |import ", line)]
        for number, line in zip(places, sorted(lines[number] for number in places), strict=True):
            lines[number] = line
        return "".join(lines)

    return {path: sort(text) for path, text in relative(files).items()}


def hoist(files: Files) -> Files:
    """All imports go to the top."""

    def change(text: str) -> str:
        pattern = re.compile(r"^([ \t]*)((?:from|import) .*\n)", re.MULTILINE)
        return "".join(found[2] for found in pattern.finditer(text)) + pattern.sub(r"\1pass\n", text)

    return {path: change(text) for path, text in files.items()}


def drop_unused(files: Files) -> Files:
    """An import of a name that the code does not use goes."""

    def change(path: str, node: Import) -> str | None:
        used = {each.id for each in ast.walk(ast.parse(files[path])) if isinstance(each, ast.Name)}
        return "pass" if not used & {name.asname or name.name for name in node.names} else None

    return _replaced(files, change)


def drop_self_imports(files: Files) -> Files:
    """What a module imports from itself it has already."""

    def change(path: str, node: Import) -> str | None:
        if isinstance(node, ast.Import) or node.module != _dotted(path):
            return None
        return "\n".join(f"{name.asname or name.name} = {name.name}" for name in node.names)

    return _replaced(files, change)


def expand_stars(files: Files) -> Files:
    """A star becomes the public names that the module assigns."""

    def change(path: str, node: Import) -> str | None:
        if isinstance(node, ast.Import) or node.names[0].name != "*":
            return None
        module = ast.parse(files[f"{(node.module or '').replace('.', '/')}.py"])
        names = [each.id for each in ast.walk(module) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)]
        return f"from {node.module} import {', '.join(name for name in names if not name.startswith('_'))}"

    return _replaced(files, change)


def _replaced(files: Files, change: Callable[[str, Import], str | None]) -> Files:
    changed = dict(files)
    for path, text in files.items():
        if not path.endswith(".py"):
            continue
        lines = text.splitlines(keepends=True)
        for node in reversed(list(_imports(text))):
            new = change(path, node)
            if new is not None:
                indent = " " * (len(lines[node.lineno - 1]) - len(lines[node.lineno - 1].lstrip()))
                lines[node.lineno - 1 : node.end_lineno] = [f"{indent}{line}\n" for line in new.splitlines()]
        changed[path] = "".join(lines)
    return changed


def _imports(text: str) -> Iterator[Import]:
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, Import)]
    yield from sorted(found, key=lambda node: node.lineno)


def _relative(here: list[str], module: str, name: str, alias: str | None) -> str:
    parts = module.split(".")
    common = 0
    while common < min(len(parts), len(here)) and parts[common] == here[common]:
        common += 1
    dots = "." * (len(here) - common + 1)
    return f"from {dots}{'.'.join(parts[common:])} import {name}" + (f" as {alias}" if alias else "")


def _exists(files: Files, module: str) -> bool:
    place = module.replace(".", "/")
    return any(path in files for path in (f"{place}.py", f"{place}/__init__.py"))


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _split(module: str) -> tuple[str, str]:
    above, _, last = module.rpartition(".")
    return above, last
