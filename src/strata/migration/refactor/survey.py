"""A project as the optimiser sees it."""

from collections.abc import Mapping

from strata.migration.coupling import pair_weights, see_through
from strata.migration.graph import import_edges, package_of
from strata.migration.imports import Analysis
from strata.migration.refactor.fixed import closed_packages, fixed_modules
from strata.migration.refactor.layout import Layout


def layout_of(analysis: Analysis, fixed: Mapping[str, str] | None = None) -> Layout:
    """The layout of a project's own packages, and in it every module fixed that is not to be moved.

    fixed: these modules with the reason; `fixed_modules` of the project if not given.
    Compatibility shims are looked through: what imports one imports what it stands for. Tests are left out: they know
    what they test, wherever it lies. So are modules of a folder without `__init__.py` at the top, as scripts are, where
    there is a package with one.
    """
    held = fixed_modules(analysis) if fixed is None else fixed
    shims = {name for name, reason in held.items() if reason == "shim"}
    path_of = {
        name: path for path, name in analysis.modules.by_path().items() if held.get(name) not in {"test", "shim"}
    }
    regular = {name for name, path in path_of.items() if path.endswith("__init__.py") and "." not in name}
    inside = {name for name in path_of if name.partition(".")[0] in regular} or set(path_of)
    package = {name: package_of(name, is_package=path_of[name].endswith("__init__.py")) for name in inside}
    edges = [edge for edge in see_through(import_edges(analysis), shims) if {edge.importer, edge.imported} <= inside]
    return Layout(package, pair_weights(edges), frozenset(held) & inside, frozenset(closed_packages(analysis)))
