"""What can notice a change of a file: names that it runs as, files that import it, tests that can reach it."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from strata.migration.dynamic.probe import Target
from strata.migration.graph import import_edges
from strata.migration.imports import Analysis, How, RunName


class Reach:
    """The import graph of a project, reversed; names: under which each file runs, all possible ones if not given."""

    def __init__(self, analysis: Analysis, names: Mapping[str, Sequence[RunName]] | None = None) -> None:
        self._analysis, self._names = analysis, analysis.names if names is None else names
        self._path_of = {name.name: path for path, names in analysis.names.items() for name in _imports(names)}
        self._importers: dict[str, set[str]] = defaultdict(set)
        for edge in import_edges(analysis):
            importer, imported = self._path_of[edge.importer], self._path_of.get(edge.imported)
            if imported is not None and not edge.type_only:
                self._importers[imported].add(importer)

    def targets(self, paths: Iterable[str]) -> list[Target]:
        """Every file under every name that it can be loaded by; `python -m` loads a file as an import does."""
        return [
            Target(path, name)
            for path in dict.fromkeys(paths)
            for name in self._names.get(path, ())
            if name.how is not How.MODULE
        ]

    def importers(self, paths: Iterable[str]) -> list[str]:
        """Files that import one of these themselves."""
        given = set(paths)
        return sorted({importer for path in given for importer in self._importers[path]} - given)

    def tests(self, paths: Iterable[str]) -> list[str]:
        """Files of tests that load one of these, over however many imports; importing a module loads what it lies in.

        A conftest that does so reaches every test in its folder, and what is named in a string counts for nothing: the
        whole suite is run at the end.
        """
        reached, waiting = set(), deque(paths)
        while waiting:
            path = waiting.popleft()
            if path in reached:
                continue
            reached.add(path)
            waiting.extend(self._importers[path])
            if path.endswith("__init__.py"):
                waiting.extend(self._inside(path))
        folders = [str(PurePosixPath(path).parent) for path in reached if PurePosixPath(path).name == "conftest.py"]
        return sorted(
            path
            for path in self._analysis.files
            if _is_test_file(path) and (path in reached or any(_inside(path, folder) for folder in folders))
        )

    def all_tests(self) -> list[str]:
        """Every file of tests."""
        return sorted(path for path in self._analysis.files if _is_test_file(path))

    def _inside(self, init: str) -> Iterator[str]:
        folder = str(PurePosixPath(init).parent)
        return (path for path in self._analysis.files if _inside(path, folder))


def _imports(names: Iterable[RunName]) -> list[RunName]:
    return [name for name in names if name.how is How.IMPORT][:1]


def _is_test_file(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.startswith("test_") or name.endswith("_test.py")


def _inside(path: str, folder: str) -> bool:
    return folder == "." or path.startswith(f"{folder}/")
