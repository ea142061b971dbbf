"""A migration from the plan to the figures: what is proved is changed, what is seen to differ is changed back."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from strata.errors import StrataError
from strata.migration.imports import Analysis, analyse
from strata.migration.journal import JournalError
from strata.migration.run import Migrated, Order, migrate, open_migration, plan_migration, roll_back
from tests.support.trees import make_tree
from tests.unit.migration.run.conftest import TEXTS

Read = Callable[..., Analysis]


def reading(tree: Path) -> Read:
    return lambda roots: analyse(tree, roots, workers=1)


def run(tree: Path, places: dict[str, Any], strategy: str = "relative_preferred", **order: Any) -> Migrated:
    return migrate(reading(tree), tree, strategy, Order(**{"tests": False} | order), **places)


def texts(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()}


def test_everything_that_is_proved_is_changed_and_the_tests_end_as_before(tree: Path, places: dict[str, Any]) -> None:
    before = texts(tree)
    done = run(tree, places, tests=True)
    assert {file.path: (file.state, file.code) for file in done.files} == {
        "p/b.py": ("kept", ""), "p/c.py": ("kept", ""), "p/gone.py": ("kept", "unverifiable"),
    }  # fmt: skip
    assert (tree / "p/b.py").read_bytes() == b"from .a import X  # one\nfrom . import a\n"
    assert (tree / "p/c.py").read_bytes() == b"from .b import X\r\nimport p.a\r\n"
    assert (done.suite.before, done.suite.after, done.suite.different) == (
        {"passed": 1, "failed": 1}, {"passed": 1, "failed": 1}, {}
    )  # fmt: skip
    assert (done.before.following, done.after.following, done.after.eligible) == (1, 5, 5)
    assert not list(places["home"].glob("migrations/*/*")), "the copies are removed"
    again = run(tree, places)
    assert (again.files, again.after.following) == ((), 5)
    back = roll_back(tree, **places)
    assert (len(back.restored), back.left) == (3, ())
    assert texts(tree) == before


# It is imported otherwise when its text changes; no static proof can know that.
SELF_READING = "from p.a import X\nif 'from ' '.a' in open(__file__).read():\n    Y = 1\n"


def test_a_file_that_is_imported_otherwise_is_changed_back_alone(tmp_path: Path, places: dict[str, Any]) -> None:
    tree = make_tree(tmp_path / "tree", TEXTS | {"p/d.py": SELF_READING, "p/e.py": "from p.d import X\n"})
    done = run(tree, places)
    assert {file.path: file.state for file in done.files} == {
        "p/b.py": "kept", "p/c.py": "kept", "p/d.py": "rolled-back", "p/e.py": "kept", "p/gone.py": "kept",
    }  # fmt: skip
    (file,) = [file for file in done.files if file.state == "rolled-back"]
    assert (file.code, file.reason) == ("import-changed", "p/d.py: Y was None, is builtins.int")
    assert (tree / "p/d.py").read_text() == SELF_READING
    assert done.reasons["import-changed"] == 1
    assert done.after.following == done.before.following + 5


def test_an_importer_that_notices_a_change_brings_it_back(tmp_path: Path, places: dict[str, Any]) -> None:
    notices = "import p.d\nassert 'from p.' in open(p.d.__file__).read()\n"
    tree = make_tree(tmp_path / "tree", TEXTS | {"p/d.py": "from p.a import X\n", "p/e.py": notices})
    done = run(tree, places)
    assert [file.path for file in done.files if file.state == "rolled-back"] == ["p/d.py"]
    assert done.count("kept") == 3


def test_a_test_that_notices_a_change_brings_it_back(tmp_path: Path, places: dict[str, Any]) -> None:
    notices = "import p.b\ndef test_text(): assert 'from p.' in open(p.b.__file__).read()\n"
    tree = make_tree(tmp_path / "tree", TEXTS | {"tests/test_q.py": notices})
    done = run(tree, places, tests=True)
    assert [(f.path, f.code) for f in done.files if f.state == "rolled-back"] == [("p/b.py", "tests-changed")]
    assert done.suite.different == {"tests.test_q::test_text": ("passed", "failed")}
    assert done.suite.rolled_back == ("p/b.py",)
    assert done.suite.after == done.suite.before
    assert (tree / "p/c.py").read_bytes().startswith(b"from .b")


def test_nothing_of_the_project_is_run_where_that_is_asked(tree: Path, places: dict[str, Any]) -> None:
    trap = tree.parent / "ran"
    for path in ("p/__init__.py", "tests/test_p.py", "conftest.py"):
        (tree / path).write_text(f"open({str(trap)!r}, 'w')\n")
    done = run(tree, places, static_only=True, test_command=f"touch {trap}")
    assert not trap.exists()
    assert {file.code for file in done.files} == {"static"}
    assert done.suite.skipped == "nothing of the project is run"


def test_uncommitted_changes_are_left_alone_and_the_rest_is_migrated(tree: Path, places: dict[str, Any]) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(tree), *command], check=True, capture_output=True)
    (tree / "p/c.py").write_text("from p.b import X\n# mine\n")
    done = run(tree, places)
    assert {file.path: file.code for file in done.files if file.state == "refused"} == {"p/c.py": "dirty"}
    assert (tree / "p/c.py").read_text() == "from p.b import X\n# mine\n"
    assert run(tree, places, allow_dirty=True).count("kept") == 1


class Broken(Exception):
    pass


def test_broken_off_it_goes_on_where_it_was(tree: Path, places: dict[str, Any]) -> None:
    before = texts(tree)
    with open_migration(reading(tree), tree, "relative_preferred", Order(tests=False), **places) as migrating:
        first, *rest = migrating.batches(1)
        assert [file.state for file in migrating.carry_out(first)] == ["kept"]
        with (
            pytest.raises(JournalError, match="another process"),
            open_migration(reading(tree), tree, None, None, **places),
        ):
            pass
    with pytest.raises(JournalError, match=r"another migration .* is open"):
        run(tree, places, "absolute")
    (tree / "p/c.py").write_text("# edited meanwhile\nfrom p.b import X\n")
    with open_migration(reading(tree), tree, None, None, **places) as migrating:
        assert migrating.batches(1) == rest
        assert migrating.plan.files[0].path == first[0]
        assert migrating.trial.before.joinpath("p/b.py").read_bytes() == before["p/b.py"], "as it was before all of it"
        for batch in rest:
            migrating.carry_out(batch)
            migrating.carry_out(batch)
        done = migrating.conclude(migrating.validate())
    assert {file.path: file.code for file in done.files} == {
        "p/b.py": "",
        "p/c.py": "stale",
        "p/gone.py": "unverifiable",
    }
    with pytest.raises(JournalError, match="nothing to go on with"):
        migrate(reading(tree), tree, None, **places)


def test_one_file_is_rolled_back_and_one_that_was_edited_is_not(tree: Path, places: dict[str, Any]) -> None:
    before = texts(tree)
    run(tree, places, static_only=True)
    (tree / "p/c.py").write_text("# mine\n")
    assert [file.path for file in roll_back(tree, ["p/b.py"], **places).restored] == ["p/b.py"]
    with pytest.raises(JournalError, match=r"no migration stands that changed p/b\.py"):
        roll_back(tree, ["p/b.py"], **places)
    back = roll_back(tree, **places)
    assert [file.path for file in back.restored] == ["p/gone.py"]
    assert [(file.path, file.code) for file in back.left] == [("p/c.py", "edited")]
    assert texts(tree) == before | {"p/c.py": b"# mine\n"}


def test_migrations_are_undone_the_newest_first(tree: Path, places: dict[str, Any]) -> None:
    before = texts(tree)
    run(tree, places, static_only=True)
    between = texts(tree)
    run(tree, places, "absolute", static_only=True)
    assert texts(tree)["p/b.py"] == before["p/b.py"]
    roll_back(tree, **places)
    assert texts(tree) == between
    roll_back(tree, **places)
    assert texts(tree) == before
    with pytest.raises(JournalError, match="nothing to roll back"):
        roll_back(tree, **places)


def test_a_project_without_tests_says_so(tree: Path, places: dict[str, Any]) -> None:
    (tree / "tests/test_p.py").unlink()
    assert run(tree, places, tests=True).suite.skipped == "the project has no tests"


def test_only_what_a_plan_still_names_is_changed(tree: Path, places: dict[str, Any]) -> None:
    from dataclasses import replace

    plan = plan_migration(reading(tree)(()), "relative_preferred")
    fewer = replace(plan, files=tuple(file for file in plan.files if file.path == "p/c.py"))
    done = migrate(reading(tree), tree, fewer, Order(static_only=True), **places)
    assert [file.path for file in done.files] == ["p/c.py"]
    assert (tree / "p/b.py").read_text() == TEXTS["p/b.py"]


def test_an_interpreter_that_cannot_be_run_is_told_and_loses_nothing(tree: Path, places: dict[str, Any]) -> None:
    before = texts(tree)
    with pytest.raises(StrataError, match=r"no-such-python imports nothing .*No such file"):
        run(tree, places, python="no-such-python")
    assert len(roll_back(tree, **places).restored) == 3
    assert texts(tree) == before
    assert not list(places["home"].glob("migrations/*/*"))


def test_a_name_that_is_no_utf8_is_left_alone(tree: Path, places: dict[str, Any]) -> None:
    (tree / os.fsdecode(b"p/\xff.py")).write_text("from p.a import X\n")
    done = run(tree, places, static_only=True)
    assert (done.count("kept"), done.reasons["name"]) == (3, 1)
    assert "p/\\udcff.py" in [refusal.path for refusal in done.refusals]


def test_many_processes_carry_out_batches_at_once(tmp_path: Path, places: dict[str, Any]) -> None:
    """Each opens the migration by itself; all check against the tree as it was before the first change."""
    more = {f"p/m{number}.py": "from p.a import X\n" for number in range(8)}
    tree = make_tree(tmp_path / "tree", TEXTS | more)
    with open_migration(reading(tree), tree, "relative_preferred", Order(tests=False), **places) as migrating:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda batch: help_with(tree, batch, places), migrating.batches(3)))
        before = {path: data.decode() for path, data in texts(migrating.trial.before).items() if path.endswith(".py")}
        done = migrating.conclude(migrating.validate())
    assert before == TEXTS | more
    assert done.count("kept") == 11
    assert (tree / "p/m7.py").read_text() == "from .a import X\n"


def help_with(tree: Path, batch: tuple[str, ...], places: dict[str, Any]) -> None:
    with open_migration(reading(tree), tree, None, None, alone=False, **places) as migrating:
        migrating.carry_out(batch)


def test_tests_that_say_nothing_with_the_changes_bring_all_of_them_back(tmp_path: Path, places: dict[str, Any]) -> None:
    ends = "import os, p.b\ndef test_text():\n    'from p.' in open(p.b.__file__).read() or os._exit(1)\n"
    tree = make_tree(tmp_path / "tree", TEXTS | {"tests/test_q.py": ends})
    before = texts(tree)
    done = run(tree, places, tests=True)
    assert (done.count("rolled-back"), done.count("kept")) == (3, 0)
    assert texts(tree) == before
