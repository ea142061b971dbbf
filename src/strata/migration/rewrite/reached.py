"""Names that files get from who imports them: a script's folder, or a test's, comes first on `sys.path`."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from strata.migration.imports import Analysis, How, RunName, resolve
from strata.migration.project import Root

Names = Mapping[str, tuple[RunName, ...]]


def with_reached(live: Names, analysis: Analysis) -> Names:
    """The live names, and those by which files are imported from where a script or a test looks first.

    `tools/run.py`, run by its path, imports `tools/helper.py` as `helper`: it has no package then.
    """
    found = {path: dict.fromkeys(names) for path, names in live.items()}
    waiting = [(path, name) for path, names in live.items() for name in names if _looks_elsewhere(name, analysis)]
    while waiting:
        path, name = waiting.pop()
        for imported, as_name in _imported(path, name, analysis):
            known = found[imported]
            if all((each.name, each.package) != (as_name.name, as_name.package) for each in known):
                known[as_name] = None
                waiting.append((imported, as_name))
    return {path: tuple(names) for path, names in found.items()}


def _looks_elsewhere(name: RunName, analysis: Analysis) -> bool:
    first = name.roots[0]
    return all((first.folder, first.prefix) != (root.folder, root.prefix) for root in analysis.modules.roots)


def _imported(path: str, name: RunName, analysis: Analysis) -> Iterator[tuple[str, RunName]]:
    """Files that this one imports from the first of its roots, with the names that they then have."""
    first = name.roots[0]
    for statement in analysis.files[path].statements:
        for each in resolve(statement, name, analysis.modules):
            parts = each.target.name.split(".") if each.target else []
            for count in range(1, len(parts) + 1):
                module = analysis.modules.find(".".join(parts[:count]), [first])
                if module is not None and module.path in analysis.files:
                    yield module.path, _as(module.name, module.path, first, name)


def _as(dotted: str, path: str, first: Root, importer: RunName) -> RunName:
    package = dotted if PurePosixPath(path).name == "__init__.py" else dotted.rpartition(".")[0] or None
    return RunName(dotted, package, (first, *importer.roots[1:]), How.IMPORT)
