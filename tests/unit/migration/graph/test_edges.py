"""Edges, against grimp on real packages."""

import importlib.util
from pathlib import Path

import grimp
import pytest

from strata.migration.graph import import_edges, package_of
from strata.migration.imports import Analysis, analyse, resolve
from strata.migration.project import Kind
from tests.support.trees import make_tree

PACKAGES = ["networkx", "mergekit", "libcst"]
Edges = set[tuple[str, str]]


def read(package: str) -> Analysis:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return analyse(Path(found.origin).parent)


def grimps(graph: grimp.ImportGraph) -> Edges:
    return {(a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a)}


def to_compiled_modules(analysis: Analysis) -> Edges:
    """`from p import x` of a compiled `x`, which grimp counts to `p`, and which has no file to be an edge's end."""
    return {
        (names[0].name, each.module)
        for path, names in analysis.names.items()
        for statement in analysis.files[path].statements
        for each in resolve(statement, names[0], analysis.modules)
        if each.target is not None and each.target.kind is Kind.EXTENSION
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_equal_to_grimp_but_for_what_it_cannot_see(package: str) -> None:
    analysis, graph = read(package), grimp.build_graph(package, cache_dir=None)
    ours = {(edge.importer, edge.imported) for edge in import_edges(analysis)}
    assert grimps(graph) - ours <= to_compiled_modules(analysis)
    assert {(a, b) for a, b in ours if a in graph.modules and b in graph.modules} <= grimps(graph)
    unseen = [path for path, name in analysis.modules.by_path().items() if name not in graph.modules]
    for path in unseen:  # it does not look into folders without `__init__.py`
        folders = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
        assert any(f"{folder}/__init__.py" not in analysis.files for folder in folders), path


def test_type_only_edges_equal_those_that_grimp_can_leave_out() -> None:
    analysis, graph = read("libcst"), grimp.build_graph("libcst", cache_dir=None, exclude_type_checking_imports=True)
    ours = {(edge.importer, edge.imported) for edge in import_edges(analysis) if not edge.type_only}
    seen = {(a, b) for a, b in ours if a in graph.modules and b in graph.modules}
    assert seen <= grimps(graph)
    assert grimps(graph) - seen <= to_compiled_modules(analysis)
    assert any(edge.type_only for edge in import_edges(analysis))


def test_lines_names_and_guards(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "p/__init__.py": "",
            "p/a.py": "from . import b, c as d\nfrom .b import x, y\nimport p.b, os\nfrom p import a\n"
            "if TYPE_CHECKING:\n from .c import *\ndef f():\n import p.c\n",
            "p/b.py": "",
            "p/c.py": "",
        },
    )
    edges = [(e.imported, e.line, e.names, e.type_only, e.deferred) for e in import_edges(analyse(tmp_path))]
    assert edges == [
        ("p.b", 1, (), False, False),
        ("p.c", 1, (), False, False),
        ("p.b", 2, ("x", "y"), False, False),
        ("p.b", 3, (), False, False),
        ("p.c", 6, ("*",), True, False),
        ("p.c", 8, (), False, True),
    ]


def test_a_module_with_two_names_is_one_end(tmp_path: Path) -> None:
    files = {"src/p/__init__.py": "", "src/p/a.py": "", "src/p/b.py": "import src.p.a\nimport p.a\n"}
    edges = import_edges(analyse(make_tree(tmp_path, files)))
    assert [(edge.importer, edge.imported) for edge in edges] == [("p.b", "p.a"), ("p.b", "p.a")]


def test_folders_without_init_have_edges(tmp_path: Path) -> None:
    files = {"n/a.py": "from . import b\nimport n.deep.c\n", "n/b.py": "", "n/deep/c.py": ""}
    edges = import_edges(analyse(make_tree(tmp_path, files)))
    assert [(edge.importer, edge.imported) for edge in edges] == [("n.a", "n.b"), ("n.a", "n.deep.c")]


def test_the_package_that_a_module_is_counted_to() -> None:
    assert package_of("p.a", is_package=False) == "p"
    assert package_of("p.a", is_package=True) == "p.a"
    assert package_of("p", is_package=False) == ""
