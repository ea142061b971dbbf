"""`strata imports analyse` on small projects."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.support.trees import make_tree

FILES = {
    "p/__init__.py": "",
    "p/a.py": "from . import b\nimport p.gone\n",
    "p/b.py": "from .a import x\nimport os\n",
    "bad.py": "x = (\n",
    "tox.ini": "[testenv]\ncommands = python p/b.py\n",
}


@pytest.fixture
def run(strata):
    return partial(strata, "imports", "analyse")


def test_text(run, tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", FILES)
    code, out, err = run("tree")
    assert (code, err) == (0, "")
    assert "files       4, of them 4 modules, in" in out
    assert "root        .: the tree" in out
    assert "relative from the project" in out
    assert "p/b.py by its path, says tox.ini" in out
    assert "cycle       load, 2 modules (p.a, p.b); gone without 1 of its imports" in out
    assert ", line 1: imports p." in out
    assert "broken      p/a.py:2: import p.gone (missing p.gone)" in out
    assert "left alone  bad.py: does not parse: '(' was never closed (line 1)" in out
    assert out.endswith("1 cycles, 1 broken imports, 1 files left alone\n")


def test_json(run, tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", FILES)
    code, out, _ = run("tree", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["tree"] == str((tmp_path / "tree").resolve())
    assert told["files"] == 4
    assert [each["modules"] for each in told["cycles"]] == [["p.a", "p.b"]]


def test_a_long_list_is_cut(run, tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", {f"bad{n}.py": "(" for n in range(15)})
    assert "... and 5 more, with --all" in run("tree")[1]
    assert run("tree", "--all")[1].count("left alone") == 16


def test_facts_are_kept_at_home_and_nothing_in_the_tree(run, tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", FILES)
    run("tree")
    cycles, kept = sorted((tmp_path / "home" / "imports").glob("*.json"))
    assert sorted(path.name for path in (tmp_path / "tree").rglob("*") if path.is_file()) == sorted(
        Path(path).name for path in FILES
    )
    written = [file.stat().st_mtime_ns for file in (cycles, kept)]
    run("tree")
    assert [file.stat().st_mtime_ns for file in (cycles, kept)] == written


def test_roots(run, tmp_path: Path) -> None:
    make_tree(tmp_path / "tree", FILES)
    assert "root        p: given" in run("tree", "--root", "p", "--root", ".")[1]
    code, out, err = run("tree", "--root", "../x")
    assert (code, out) == (2, "")
    assert "no folder inside" in err


def test_nothing_there(run, tmp_path: Path) -> None:
    code, _, err = run("missing")
    assert (code, err) == (2, "strata: missing is no folder; name the root of a project\n")


def test_interrupted(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from strata.migration.imports import analysis

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    make_tree(tmp_path / "tree", FILES)
    monkeypatch.setattr(analysis, "read_all", stop)
    assert run("tree")[0] == 130
    assert not (tmp_path / "home" / "imports").exists()
