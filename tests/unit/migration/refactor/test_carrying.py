"""A plan carried out on small projects: moved, tested, undone to the byte, refused with reasons, taken up again."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from strata.migration.imports import analyse
from strata.migration.journal import Journal
from strata.migration.refactor import Demands, PlannedMove, carry_out, plan_moves
from strata.store import Store
from tests.support.trees import make_tree

SAMPLE = Path(__file__).parents[4] / "data" / "sample_project"
TINY = {
    "p/__init__.py": "",
    "p/a/__init__.py": "",
    "p/a/x.py": "def f():\n    return 1\n",
    "p/a/y.py": "def g():\n    return 2\n",
    "p/b/__init__.py": "",
    "p/b/one.py": "from p.a.x import f\n",
    "p/b/two.py": "from ..a import x\n",
    "p/c/__init__.py": "",
    "p/c/one.py": "from p.a.y import g\n",
    "p/c/two.py": "from ..a import y\n",
    "tests/test_p.py": "from p.a.x import f\n\n\ndef test_f():\n    assert f() == 1\n",
}
X, Y = PlannedMove("p.a.x", "p.a", "p.b"), PlannedMove("p.a.y", "p.a", "p.c")


@pytest.fixture
def places(tmp_path):
    store, ledger = Store(tmp_path / "store"), f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return {"home": tmp_path / "home", "store": store, "ledger": ledger}


def bytes_of(tree):
    return {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*.py")}


def reader(tree):
    return lambda: analyse(tree, workers=1)


def planned(tree, *steps):
    return replace(plan_moves(reader(tree)()), steps=steps, files={})


def told(done):
    return [(each.module, each.state, each.code) for each in done.outcomes]


def test_a_plan_is_made_and_everything_comes_back(tmp_path, places):
    tree = make_tree(tmp_path / "t", TINY)
    done = carry_out(planned(tree, X, Y), reader(tree), Demands(), **places)
    assert told(done) == [("p.a.x", "made", ""), ("p.a.y", "made", "")]
    assert (done.before, done.after, done.shims) == (4, 0, 2)
    assert done.tests_before == done.tests_after == {"passed": 1}
    assert "from .x import f" in bytes_of(tree)["p/b/one.py"] or "from p.b.x import f" in bytes_of(tree)["p/b/one.py"]
    with Journal(tree, places["store"], places["ledger"], places["home"] / "migrations") as journal:
        journal.roll_back(done.migration)
    assert bytes_of(tree) == TINY


def test_the_plan_of_the_sample_reaches_what_it_says_and_is_not_made_twice(tmp_path, places):
    tree = shutil.copytree(SAMPLE, tmp_path / "project", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    plan = plan_moves(reader(tree)())
    first = carry_out(replace(plan, steps=plan.steps[:3]), reader(tree), Demands(static_only=True), **places)
    assert first.after == plan.before.pairs - sum(step.gain for step in plan.steps[:3])
    done = carry_out(plan, reader(tree), Demands(static_only=True), **places)
    assert [each.code for each in done.outcomes] == ["already"] * 3 + [""] * (len(plan.steps) - 3)
    assert (done.count("made"), done.after) == (len(plan.steps), plan.after.pairs)


def test_a_move_with_which_something_is_imported_otherwise_is_refused_and_the_others_are_made(tmp_path, places):
    guard = "import sys, p.a.x\n\nif 'p.b.x' in sys.modules:\n    raise ValueError('found')\n"
    tree = make_tree(tmp_path / "t", TINY | {"p/c/guard.py": guard})
    done = carry_out(planned(tree, X, Y), reader(tree), Demands(tests=False), **places)
    assert told(done) == [("p.a.x", "refused", "import-changed"), ("p.a.y", "made", "")]
    assert "p.c.guard: imported before, builtins.ValueError after" in done.outcomes[0].reason
    assert not (tree / "p/b/x.py").exists()


def test_moves_that_a_test_notices_are_undone(tmp_path, places):
    test = "from p.a import y\n\n\ndef test_place():\n    assert y.g.__module__ == 'p.a.y'\n"
    tree = make_tree(tmp_path / "t", TINY | {"tests/test_place.py": test})
    done = carry_out(planned(tree, X, Y), reader(tree), Demands(), **places)
    assert told(done) == [("p.a.x", "made", ""), ("p.a.y", "undone", "tests-changed")]
    assert done.different == ("tests.test_place::test_place",)
    assert done.tests_before == done.tests_after == {"passed": 2}
    assert {path for path in bytes_of(tree) if "/y.py" in path} == {"p/a/y.py"}
    assert bytes_of(tree)["p/a/y.py"] == TINY["p/a/y.py"]
    assert bytes_of(tree)["p/c/one.py"] == TINY["p/c/one.py"]


def test_a_file_that_somebody_edits_meanwhile_is_not_overwritten(tmp_path, places):
    tree = make_tree(tmp_path / "t", TINY)
    reads = 0

    def read():
        nonlocal reads
        found, reads = analyse(tree, workers=1), reads + 1
        if reads == 2:  # from this the first move is worked out
            (tree / "p/b/x.py").write_text("mine = 1\n")
        return found

    done = carry_out(planned(tree, X, Y), read, Demands(static_only=True), **places)
    assert told(done) == [("p.a.x", "refused", "name-taken"), ("p.a.y", "made", "")]
    assert (tree / "p/b/x.py").read_text() == "mine = 1\n"
