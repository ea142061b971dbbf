"""Which dotted name is which file, looked up as the import system does (the Python language reference, 5.3)."""

import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from strata.migration.project.roots import Root
from strata.migration.project.tree import Tree


class Kind(StrEnum):
    """What a dotted name is."""

    MODULE = "module"
    PACKAGE = "package"
    NAMESPACE = "namespace"  # a folder without `__init__.py` (PEP 420)
    EXTENSION = "extension"


@dataclass(frozen=True, slots=True)
class Module:
    """What a dotted name was found to be; `path` is a file from the tree's root, or the folder of a namespace."""

    name: str
    kind: Kind
    path: str


_DEEPEST = 100  # packages inside of each other
_Found = tuple[Module | None, tuple[Root, ...]]


class Modules:
    """The names that a tree's files have, by the folder in which they are looked up."""

    def __init__(self, tree: Tree, roots: Iterable[Root]) -> None:
        self.roots = tuple(roots)
        self._files = {file.path for file in tree.files}
        self._extensions = {_stem(path): path for path in tree.others if not path.endswith(".pyi")}
        self._folders = {""}
        for path in (*self._files, *tree.others):
            folder = path.rpartition("/")[0]
            while folder not in self._folders:
                self._folders.add(folder)
                folder = folder.rpartition("/")[0]
        self._found: dict[tuple[Root, ...], dict[str, _Found]] = defaultdict(dict)

    def find(self, name: str, roots: Iterable[Root] | None = None) -> Module | None:
        """What the name is: the first root that has it, but a regular package or a module before every namespace.

        Below a regular package only its own folder counts, whatever other roots have under its name.
        """
        return self._find(name, self.roots if roots is None else tuple(roots))[0]

    def knows(self, name: str, roots: Iterable[Root] | None = None) -> bool:
        """Whether the first part of a dotted name is this project's and not the standard library's."""
        top = name.partition(".")[0]
        return top not in sys.stdlib_module_names and self.find(top, roots) is not None

    def has_file(self, path: str) -> bool:
        """Whether the tree has this Python file."""
        return path in self._files

    def names(self, path: str) -> tuple[tuple[Root, str], ...]:
        """Every root of which the file can be imported, with the dotted name that it then has."""
        return tuple((root, name) for root in self.roots if (name := root.name_of(path)) is not None)

    def by_path(self) -> dict[str, str]:
        """The name of each file under the first root that gives it one."""
        found = {path: self.names(path) for path in sorted(self._files)}
        return {path: names[0][1] for path, names in found.items() if names}

    def clashes(self) -> dict[str, list[str]]:
        """Dotted names that two files have, under different roots or as a module and a package of that name."""
        paths: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._files):
            for _, name in self.names(path):
                if path not in paths[name]:
                    paths[name].append(path)
        return {name: found for name, found in paths.items() if len(found) > 1}

    def _find(self, name: str, roots: tuple[Root, ...]) -> _Found:
        """The module, and the roots below which its submodules are looked up."""
        known = self._found[roots]
        if name.count(".") > _DEEPEST:
            return None, ()
        if name not in known:
            parent = name.rpartition(".")[0]
            above, inside = self._find(parent, roots) if parent else (None, roots)
            found = [(root, self._read(name, root)) for root in inside]
            if above is not None and above.kind is Kind.EXTENSION:  # which can make modules below itself
                found = [(root, Module(name, Kind.EXTENSION, above.path)) for root in inside]
            regular = next(((r, m) for r, m in found if m is not None and m.kind is not Kind.NAMESPACE), None)
            if regular is not None:
                known[name] = (regular[1], regular[:1])
            else:  # a root with a prefix has nothing of what lies above it, and goes on below
                portions = tuple(root for root, module in found if module is not None or root.place_of(name) is None)
                known[name] = (next((module for _, module in found if module is not None), None), portions)
        return known[name]

    def _read(self, name: str, root: Root) -> Module | None:
        place = root.place_of(name)
        if place is None:
            return None
        package = f"{place}/__init__.py" if place else "__init__.py"
        if package in self._files:
            return Module(name, Kind.PACKAGE, package)
        if f"{place}.py" in self._files:
            return Module(name, Kind.MODULE, f"{place}.py")
        if place in self._extensions:
            return Module(name, Kind.EXTENSION, self._extensions[place])
        return Module(name, Kind.NAMESPACE, place) if place in self._folders else None


def _stem(path: str) -> str:
    """The path without what follows the first dot of the file's name, such as `.cpython-311-x86_64-linux-gnu.so`."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + name.partition(".")[0]
