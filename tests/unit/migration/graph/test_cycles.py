"""Cycles by when they are run through, and the order of a matrix."""

from pathlib import Path

from strata.migration.graph import CycleKind, ImportEdge, import_cycles, import_edges, matrix_order, survey
from strata.migration.imports import analyse
from tests.support.trees import make_tree


def edge(a: str, b: str, *names: str, type_only: bool = False, deferred: bool = False, line: int = 1) -> ImportEdge:
    return ImportEdge(a, b, line, names, type_only, deferred)


def test_kinds_are_told_apart_and_none_twice() -> None:
    edges = [
        edge("a", "b"), edge("b", "a"),
        edge("b", "c"), edge("c", "b", deferred=True),
        edge("d", "e"), edge("e", "d", type_only=True),
        edge("f", "g"), edge("g", "f"),
        edge("x", "y"),
    ]  # fmt: skip
    found = [(cycle.kind, cycle.modules) for cycle in import_cycles(edges)]
    assert found == [
        (CycleKind.LOAD, ("a", "b")),
        (CycleKind.LOAD, ("f", "g")),
        (CycleKind.DEFERRED, ("a", "b", "c")),
        (CycleKind.TYPE_ONLY, ("d", "e")),
    ]


def test_the_cheapest_import_is_taken() -> None:
    edges = [edge("a", "b", "x", "y"), edge("b", "c", "z", line=3), edge("c", "a", "u", "v"), edge("b", "c", line=9)]
    (cycle,) = import_cycles([*edges, edge("b", "c", "w", type_only=True)])[:1]
    (taken,) = cycle.breaks
    assert (taken.importer, taken.imported, taken.cost) in [("a", "b", 2), ("b", "c", 2), ("c", "a", 2)]
    assert cycle.minimal
    (cycle,) = import_cycles(edges[:3])
    assert [(each.importer, each.imported, each.cost, each.edges) for each in cycle.breaks] == [
        ("b", "c", 1, (edges[1],))
    ]
    assert (cycle.cost, cycle.bound) == (1, 1)


def test_a_bare_import_costs_as_much_as_one_name() -> None:
    (cycle,) = import_cycles([edge("a", "b"), edge("b", "a", "x", "y")])
    assert [(each.importer, each.cost) for each in cycle.breaks] == [("a", 1)]


def test_no_cycle() -> None:
    assert import_cycles([edge("a", "b"), edge("b", "c"), edge("a", "c")]) == ()


def test_the_order_of_a_matrix() -> None:
    edges = [edge("z", "m"), edge("m", "n", "a", "b"), edge("n", "m"), edge("n", "a"), edge("lonely", "outside")]
    order = matrix_order(["a", "m", "n", "z", "lonely"], edges)
    assert sorted(order) == ["a", "lonely", "m", "n", "z"]
    place = {module: index for index, module in enumerate(order)}
    assert place["z"] < place["m"] < place["n"] < place["a"]


def test_a_project_at_a_glance(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "p/__init__.py": "",
            "p/a.py": "import os, requests\nfrom .b import x\nfrom p import gone, c\nimport p.gone\n",
            "p/b.py": "def f():\n from .a import y\ntry:\n import json\nexcept ImportError:\n json = None\n",
            "p/c.py": "if TYPE_CHECKING:\n from . import a\n",
            "p/c/__init__.py": "",
            "bad.py": "(",
            "Makefile": "python p/b.py\n",
        },
    )
    found = survey(analyse(tmp_path))
    told = found.to_json()
    assert (told["files"], told["modules"], told["edges"]) == (6, 6, len(import_edges(analyse(tmp_path))))
    counts = {(each["origin"], each["form"]): each["statements"] for each in told["imports"]}
    assert counts == {
        ("project", "absolute"): 1,
        ("project", "relative"): 3,
        ("stdlib", "absolute"): 2,
        ("external", "absolute"): 1,
        ("missing", "absolute"): 1,
    }
    assert (told["tried"], told["type_only"], told["deferred"]) == (1, 1, 1)
    assert told["run_by_path"] == {"p/b.py": "Makefile"}
    assert [(each["kind"], each["modules"]) for each in told["cycles"]] == [
        ("deferred", ("p.a", "p.b")),
        ("type-only", ("p.a", "p.b", "p.c")),
    ]
    assert [(each["path"], each["line"], each["origin"]) for each in told["broken"]] == [("p/a.py", 4, "missing")]
    assert told["clashes"] == {"p.c": ["p/c.py", "p/c/__init__.py"]}
    assert [(each["path"], each["code"]) for each in told["left_alone"]] == [("bad.py", "syntax")]
