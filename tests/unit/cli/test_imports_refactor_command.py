"""`strata imports refactor` on a small project: the plan as text, as JSON and as a file; carrying it out."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.support.trees import make_tree

FILES = {
    "p/__init__.py": "",
    "p/a/__init__.py": "",
    "p/a/x.py": "def f():\n    return 1\n",
    "p/a/y.py": "HERE = __file__\n",
    "p/b/__init__.py": "",
    "p/b/one.py": "from p.a.x import f\n",
    "p/b/two.py": "from ..a import x\n",
    "p/b/three.py": "import p.a.x as x\nfrom p.a.y import HERE\n",
}


@pytest.fixture
def run(strata, tmp_path: Path):
    make_tree(tmp_path / "tree", FILES)
    return partial(strata, "imports", "refactor")


def test_a_plan_is_told_written_and_carried_out(run, tmp_path: Path) -> None:
    code, out, err = run("plan", "tree", "--out", "plan.json")
    assert (code, err) == (0, "")
    assert "move      p.a.x -> p.b.x: 3 pairs less, 3 importers, leaves a shim" in out
    assert "fixed     3 package, 1 data-file" in out
    assert "4 pairs across packages become 1 (75% less; 50% with 1 shims counted)" in out
    code, out, err = run("apply", "plan.json", "--static-only")
    assert (code, err) == (0, "")
    assert "made      p.a.x -> p.b.x" in out
    assert out.endswith("1 of 1 moves made; 4 pairs across packages before, 1 after, and 1 shims\n")
    assert (tmp_path / "tree/p/b/two.py").read_text() == "from . import x\n"
    code, out, err = run("plan", "tree", "--json")
    assert json.loads(out)["steps"] == []


def test_a_step_that_cannot_be_made_is_told_and_ends_with_one(run, tmp_path: Path) -> None:
    run("plan", "tree", "--out", "plan.json")
    plan = json.loads((tmp_path / "plan.json").read_text())
    plan["steps"].append({"module": "p.a.y", "from": "p.a", "to": "p.b"})
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, out, _ = run("apply", "plan.json", "--static-only", "--json")
    assert code == 1
    told = json.loads(out)
    assert [(each["module"], each["state"], each["code"]) for each in told["outcomes"]] == [
        ("p.a.x", "made", ""),
        ("p.a.y", "refused", "data-file"),
    ]
    assert told["tests_before"] == {}
    assert told["skipped"] == "nothing of the project was run"


@pytest.mark.parametrize(
    ("text", "message"), [("{", "is no JSON"), ("[]", "no plan of moves of version 1"), (None, "cannot be read")]
)
def test_a_bad_plan_is_one_line(run, tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "plan.json").write_text(text)
    code, out, err = run("apply", "plan.json")
    assert (code, out) == (2, "")
    assert err.startswith("strata: ")
    assert message in err


def test_files_that_changed_since_are_not_touched(run, tmp_path: Path) -> None:
    run("plan", "tree", "--out", "plan.json")
    (tmp_path / "tree/p/b/two.py").write_text("from ..a import x as z\n")
    code, _, err = run("apply", "plan.json", "--static-only")
    assert code == 2
    assert "p/b/two.py has changed since the plan was made; plan again" in err
    assert not (tmp_path / "tree/p/b/x.py").exists()
