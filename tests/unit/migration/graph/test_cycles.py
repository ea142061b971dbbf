"""Cycles by when they are run through, and the order of a matrix."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from strata.migration.graph import (
    CycleKind,
    FeedbackArcs,
    ImportEdge,
    feedback_arcs,
    import_cycles,
    matrix_order,
)


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


def test_what_was_found_is_not_searched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [edge("a", "b", "x", "y"), edge("b", "a", "z"), edge("c", "d"), edge("d", "c", "u", "v")]
    searched: list[set[tuple[str, str]]] = []

    def search(costs: Mapping[tuple[str, str], int], seconds: float) -> FeedbackArcs:
        searched.append(set(costs))
        return feedback_arcs(costs, seconds)

    monkeypatch.setattr("strata.migration.graph.kept.feedback_arcs", search)
    file = tmp_path / "cycles.json"
    first = import_cycles(edges, kept=file)
    assert len(searched) == 2
    assert import_cycles(edges, kept=file) == first
    assert len(searched) == 2
    changed = [*edges[:3], edge("d", "c", "u")]
    assert import_cycles(changed, kept=file) == import_cycles(changed)
    assert searched[2:3] == [{("c", "d"), ("d", "c")}]


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"{", b'{"version": 1, "found": {"k": [[["a"]], 1, 1]}}', b'{"found": 1}']
)
def test_a_damaged_memory_is_no_memory(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "cycles.json"
    file.write_bytes(damage)
    edges = [edge("a", "b"), edge("b", "a", "x", "y")]
    assert import_cycles(edges, kept=file) == import_cycles(edges)


def test_breaks_that_are_not_the_cycles_are_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "cycles.json"
    edges = [edge("a", "b"), edge("b", "a", "x", "y")]
    found = import_cycles(edges, kept=file)
    file.write_text(file.read_text().replace('["a", "b"]', '["a", "z"]'))
    assert import_cycles(edges, kept=file) == found
