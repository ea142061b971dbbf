"""The folders from which a project's modules are imported, read from its configuration and never by running it."""

import keyword
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from strata.migration.project.configuration import Configuration, read_configuration, texts, words
from strata.migration.project.listing import BadProject
from strata.migration.project.source import BadSource, read_source
from strata.migration.project.syspath import added_folders, normal
from strata.migration.project.tree import Tree


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

    Those that are given; else `tool.strata.imports.roots` of `pyproject.toml`; else what is found: where setuptools,
    hatch, poetry and pdm find packages (`pyproject.toml`, `setup.cfg`), pytest's `pythonpath` (there, `pytest.ini`,
    `tox.ini`), what conftest files put on `sys.path`, `src`, and the tree itself. A tree that is a package has one
    root, above it. A folder found that lies outside, or has no file of the tree, is left out; raises BadProject for
    such a one that is given.
    """
    paths = [file.path for file in tree.files]
    if chosen := tuple(given):
        return tuple(_checked(tree, paths, folder, "given") for folder in chosen)
    configured = read_configuration(tree.root)
    if named := configured.strings("tool", "strata", "imports", "roots"):
        return tuple(_checked(tree, paths, folder, "tool.strata.imports.roots") for folder in named)
    if "__init__.py" in paths and tree.root.name.isidentifier():
        return (Root("", "the tree is a package", _prefix(tree.root)),)
    found: dict[str, Root] = {}
    for folder, why in (*_built(configured), *_tested(configured), *_conftests(tree), *_usual(paths)):
        place = normal(folder)
        if place is not None and place not in found and _has_files(place, paths):
            found[place] = Root(place, why)
    return tuple(found.values())


def _prefix(root: Path) -> str:
    parts = [root.name]
    for folder in root.parents:
        if not (folder / "__init__.py").is_file() or not folder.name.isidentifier():
            break
        parts.insert(0, folder.name)
    return ".".join(parts)


def _checked(tree: Tree, paths: list[str], folder: str, why: str) -> Root:
    place = normal(folder)
    if place is None or not _has_files(place, paths):
        raise BadProject(f"the root {folder!r} ({why}) is no folder inside {tree.root} with a Python file")
    return Root(place, why)


def _has_files(folder: str, paths: Iterable[str]) -> bool:
    return not folder or any(path.startswith(f"{folder}/") for path in paths)


def _built(configured: Configuration) -> Iterator[tuple[str, str]]:
    for folder in configured.strings("tool", "setuptools", "packages", "find", "where"):
        yield folder, "setuptools' packages.find.where"
    for folder in words(configured.ini_text("setup.cfg", "options.packages.find", "where")):
        yield folder, "setuptools' packages.find.where"
    folders = configured.at("tool", "setuptools", "package-dir")
    if isinstance(folders, dict):
        yield from ((folder, "setuptools' package-dir") for folder in texts(folders.get("")))
    for line in configured.ini_text("setup.cfg", "options", "package_dir").splitlines():
        package, equals, folder = line.partition("=")
        if equals and not package.strip():
            yield folder.strip(), "setuptools' package-dir"
    for package in configured.strings("tool", "hatch", "build", "targets", "wheel", "packages"):
        yield str(PurePosixPath(package).parent), "hatch's packages"
    packages = configured.at("tool", "poetry", "packages")
    for each in packages if isinstance(packages, list) else ():
        if isinstance(each, dict):
            yield from ((folder, "poetry's packages") for folder in texts(each.get("from")))
    yield from ((folder, "pdm's package-dir") for folder in configured.strings("tool", "pdm", "build", "package-dir"))


def _tested(configured: Configuration) -> Iterator[tuple[str, str]]:
    for folder in configured.pytest("pythonpath"):
        yield folder, "pytest's pythonpath"


def _usual(paths: list[str]) -> Iterator[tuple[str, str]]:
    if _has_files("src", paths) and "src/__init__.py" not in paths:
        yield "src", "the src layout"
    yield "", "the tree"


def _conftests(tree: Tree) -> Iterator[tuple[str, str]]:
    for file in tree.files:
        if PurePosixPath(file.path).name != "conftest.py":
            continue
        try:
            text = read_source(tree.root / file.path)
        except BadSource:
            continue  # the scan says what is wrong with it
        for folder in added_folders(text, file.path):
            yield folder, f"{file.path} puts it on sys.path"


def _inside(path: str, folder: str) -> str | None:
    if not folder:
        return path
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else None
