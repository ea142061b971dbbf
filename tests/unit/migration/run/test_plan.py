"""A plan is data: it comes back as it was, and a wrong edit is told by its place."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.errors import StrataError
from strata.migration.imports import Analysis, analyse
from strata.migration.project import Step
from strata.migration.rewrite import STRATEGIES, Refusal, live_names
from strata.migration.run import BadPlan, Figures, MigrationPlan, PlannedFile, PlannedImport, plan_migration, step_for
from strata.migration.run.culprits import MOST_RUNS, find_culprits

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(0, 10**6)
MODULES = st.from_regex(r"\A\.{0,3}[a-z]\w{0,5}(\.[a-z]\w{0,5}){0,2}\Z")
IMPORTS = st.builds(PlannedImport, NUMBERS, NUMBERS, MODULES, MODULES)
FILES = st.builds(
    PlannedFile, TEXTS, st.from_regex(r"\A[0-9a-f]{64}\Z"), st.lists(IMPORTS, min_size=1, max_size=3).map(tuple)
)
PLANS = st.builds(
    MigrationPlan,
    st.sampled_from(sorted(STRATEGIES)),
    st.lists(FILES, max_size=3, unique_by=lambda file: file.path).map(tuple),
    st.lists(st.builds(Refusal, TEXTS, st.none() | NUMBERS, TEXTS, TEXTS), max_size=3).map(tuple),
    st.builds(Figures, NUMBERS, NUMBERS, NUMBERS, NUMBERS),
    st.lists(TEXTS, max_size=2).map(tuple),
)


@settings(max_examples=30)
@given(PLANS)
def test_a_plan_comes_back_as_it_was(plan: MigrationPlan) -> None:
    assert MigrationPlan.from_json(json.dumps(plan.to_json())) == plan


@pytest.fixture
def analysis(tree: Path) -> Analysis:
    return analyse(tree, workers=1)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        ((), [], "the plan: is no object"),
        (("version",), 2, "has version 2; this release reads 1"),
        (("strategy",), "best", "strategy: 'best' is none of relative_preferred"),
        (("colour",), "red", "the plan: has 'colour', which nothing reads"),
        (("files", 0, "path"), None, r"files\[0\].path: is no text"),
        (("files", 0, "digest"), "abc", r"files\[0\].digest: is no SHA-256"),
        (("files", 0, "imports"), [], r"files\[0\].imports: is empty"),
        (
            ("files", 0, "imports", 0, "after"),
            "os; import sys",
            r"imports\[0\].after: 'os; import sys' cannot",
        ),
        (("files", 0, "imports", 0, "after"), "", r"imports\[0\].after: '' cannot stand"),
        (("files", 0, "imports", 0, "line"), -1, r"imports\[0\].line: is no number"),
        (("files", 0, "imports", 0, "line"), True, r"imports\[0\].line: is no number"),
        (("files", 0, "path"), "p/c.py", "files: p/c.py is listed twice"),
        (("figures", "files"), "many", "figures.files: is no number"),
    ],
)
def test_a_wrong_edit_is_told_by_its_place(analysis: Analysis, place: tuple[Any, ...], value: Any, why: str) -> None:
    document = plan_migration(analysis, "relative_preferred").to_json()
    document = json.loads(json.dumps(document))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    if place:
        inner[place[-1]] = value
    else:
        document = value
    with pytest.raises(BadPlan, match=why):
        MigrationPlan.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null"])
def test_what_is_no_plan_at_all(text: str) -> None:
    with pytest.raises(BadPlan):
        MigrationPlan.from_json(text)


def test_an_unknown_strategy(analysis: Analysis) -> None:
    with pytest.raises(StrataError, match="there is no strategy 'best'; choose relative_preferred"):
        plan_migration(analysis, "best")


@pytest.mark.parametrize(
    ("planned", "code"),
    [
        (PlannedImport(1, 0, "p.a", ".a"), None),
        (PlannedImport(1, 0, "p.a", ".c"), "not-equal"),
        (PlannedImport(1, 0, "p.a", "q.a"), "not-equal"),
        (PlannedImport(1, 0, "p.c", ".c"), "not-equal"),
        (PlannedImport(1, 4, "p.a", ".a"), "not-equal"),
        (PlannedImport(9, 0, "p.a", ".a"), "not-equal"),
    ],
)
def test_an_edited_plan_is_proved_all_the_same(analysis: Analysis, planned: PlannedImport, code: str | None) -> None:
    facts = analysis.files["p/b.py"]
    file = PlannedFile("p/b.py", facts.digest, (planned,))
    found = step_for(analysis.tree.root, file, facts, live_names(analysis)["p/b.py"], analysis.modules)
    assert isinstance(found, Step) if code is None else found.code == code


def test_a_planned_file_that_changed_or_is_not_there(analysis: Analysis) -> None:
    facts = analysis.files["p/b.py"]
    file = PlannedFile("p/b.py", facts.digest, (PlannedImport(1, 0, "p.a", ".a"),))
    (analysis.tree.root / "p/b.py").write_text("from p.a import X  # new\n")
    names = live_names(analysis)["p/b.py"]
    assert step_for(analysis.tree.root, file, facts, names, analysis.modules).code == "stale"
    assert step_for(analysis.tree.root, file, None, names, analysis.modules).code == "unknown"


@given(st.integers(1, 40), st.data())
def test_culprits_are_found_one_by_one(count: int, data: st.DataObject) -> None:
    guilty = data.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=3))
    runs = []

    def fails(some) -> bool:
        runs.append(some)
        return bool(guilty & set(some))

    assert set(find_culprits(range(count), fails)) == guilty
    assert len(runs) <= MOST_RUNS + 1


@given(st.integers(2, 30), st.data())
def test_culprits_that_fail_only_together_are_all_found(count: int, data: st.DataObject) -> None:
    pair = data.draw(st.sets(st.integers(0, count - 1), min_size=2, max_size=2))
    found = set(find_culprits(range(count), lambda some: pair <= set(some)))
    assert pair <= found
