"""`strata imports plan | migrate | resume | rollback` on a real folder."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from strata.cli import main
from strata.migration.imports import analyse
from strata.migration.run import Order, open_migration
from strata.settings import Settings
from strata.store import MigrationLog, Store
from tests.support.trees import make_tree

TEXTS = {
    "p/__init__.py": "",
    "p/a.py": "X = 1\n",
    "p/b.py": "from p.a import X\n",
    "p/c.py": "import p\nif __name__ == '__main__':\n    from p.a import X\n",
    "p/bad.py": "def (\n",
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    return make_tree(tmp_path / "tree", TEXTS)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(["imports", *arguments])
        said = capsys.readouterr()
        return stopped.value.code, said.out, said.err

    return call


def test_plan_edit_migrate_and_roll_back(tree: Path, run) -> None:
    code, out, _ = run("plan", "tree", "--out", "plan.json", "--diff")
    assert code == 0
    assert "-from p.a import X\n+from .a import X\n" in out
    assert "left alone       1 script, such as p/c.py:3" in out
    assert "left alone       1 syntax, such as p/bad.py:1" in out
    assert (tree / "p/b.py").read_text() == TEXTS["p/b.py"]
    code, out, _ = run("migrate", "tree", "--plan", "plan.json", "--json")
    found = json.loads(out)
    assert (code, found["counts"]["kept"], found["reasons"]) == (0, 1, {"syntax": 1, "script": 1})
    assert found["share_before"] < found["share_after"]
    assert (tree / "p/b.py").read_text() == "from .a import X\n"
    code, out, _ = run("rollback", "--tree", "tree", "p/b.py", "--json")
    assert (code, [file["path"] for file in json.loads(out)["restored"]]) == (0, ["p/b.py"])
    assert (tree / "p/b.py").read_text() == TEXTS["p/b.py"]
    code, _, err = run("rollback", "--tree", "tree", "p/b.py")
    assert (code, "no migration stands that changed p/b.py" in err) == (2, True)


def test_a_dry_run_changes_nothing_and_enters_nothing(tree: Path, run) -> None:
    code, out, _ = run("migrate", "tree", "--strategy", "relative_preferred", "--dry-run", "--diff")
    assert (code, "+from .a import X" in out) == (0, True)
    assert (tree / "p/b.py").read_text() == TEXTS["p/b.py"]
    with MigrationLog(Settings().ledger) as log:
        assert log.of_tree(str(tree)) == ()


def test_what_is_told_of_a_migration(tree: Path, run) -> None:
    code, out, _ = run("migrate", "tree", "--static-only")
    assert code == 0
    assert out.splitlines() == [
        "changed     1 files",
        "following   0.0% of 2 imports; now 50.0%",
        "tests       nothing of the project is run",
        "1 kept, 0 refused, 0 rolled back",
    ]
    code, out, _ = run("rollback", "--tree", "tree", "tree/p/b.py")
    assert (code, out.splitlines()[-1]) == (0, "1 files are as before, 0 are left as they are")
    run("migrate", "tree", "--static-only")
    (tree / "p/b.py").write_text("# mine\n")
    code, out, _ = run("rollback", "--tree", "tree")
    assert (code, out.splitlines()[-1]) == (1, "0 files are as before, 1 are left as they are")
    assert "p/b.py was edited meanwhile by somebody else" in out


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("migrate", "tree", "--strategy", "best"), "there is no strategy 'best'"),
        (("migrate", "tree", "--plan", "missing.json"), "missing.json cannot be read"),
        (("migrate", "nowhere"), "nowhere is no folder"),
        (("resume", "tree"), "there is nothing to go on with"),
        (("rollback", "--tree", "tree"), "there is nothing to roll back"),
        (("migrate", "tree", "--root", "nowhere"), "the root 'nowhere'"),
    ],
)
def test_a_wrong_use_is_one_line(tree: Path, run, arguments: tuple[str, ...], why: str) -> None:
    code, _, err = run(*arguments)
    assert (code, len(err.splitlines())) == (2, 1)
    assert why in err


def test_a_migration_that_was_broken_off_is_resumed_as_it_was_begun(tree: Path, run) -> None:
    places = {"home": Settings().home, "store": Store(Settings().store_root), "ledger": Settings().ledger}
    (tree / "p/d.py").write_text("from p.a import X\n")
    order = Order(static_only=True)
    with open_migration(lambda roots: analyse(tree, roots), tree, "relative_preferred", order, **places) as migrating:
        migrating.carry_out(migrating.batches(1)[0])
    assert (tree / "p/d.py").read_text() == "from p.a import X\n"
    code, _, err = run("migrate", "tree", "--strategy", "absolute")
    assert (code, "is open (relative_preferred" in err) == (2, True)
    code, out, _ = run("resume", "tree", "--json")
    found = json.loads(out)
    assert (code, [(file["path"], file["code"]) for file in found["files"]]) == (
        0, [("p/b.py", "static"), ("p/d.py", "static")]
    )  # fmt: skip
    assert (tree / "p/d.py").read_text() == "from .a import X\n"
