"""Imports in processes apart: what came of each is told, whatever the project's code does."""

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from strata.migration.dynamic import Facts, Limits, Reach, Target, Verdict, compare, copy_aside, derive, probe
from strata.migration.imports import How, analyse
from strata.migration.project import Change
from tests.support.trees import make_tree

QUICK = Limits(module_seconds=2, seconds=30)


def facts_of(folder: Path, limits: Limits = QUICK, how: How = How.IMPORT) -> dict[str, Facts]:
    """What comes of each file of a tree, by its path."""
    targets = targets_of(folder)
    found = probe(folder, [each for each in targets if each.name.how is how], limits)
    return {target.path: facts for target, facts in found.items()}


def targets_of(folder: Path) -> list[Target]:
    analysis = analyse(folder, workers=1)
    return Reach(analysis).targets(analysis.files)


@pytest.fixture
def changed(tmp_path: Path):
    """Compares a tree with itself after changes to its texts: verdicts, and why, by path."""

    def compare_both(texts: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[Verdict, str]]:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        tree = make_tree(folder / "tree", texts)
        before = copy_aside(tree, folder / "before")
        changes = [Change(path, None, text.encode()) for path, text in new.items()]
        after = derive(before, folder / "after", changes)
        targets = targets_of(tree)
        one, other = (probe(copy, targets, QUICK) for copy in (before, after))
        compared = {target.path: compare(one[target], other[target]) for target in targets}
        return {path: (each.verdict, each.why) for path, each in compared.items()}

    return compare_both


def test_what_came_of_each_module_is_told(tmp_path: Path) -> None:
    tree = make_tree(
        tmp_path / "t",
        {
            "p/__init__.py": "from p.a import f\n",
            "p/a.py": "import os\n__all__ = ['f']\ndef f(): ...\n",
            "p/b.py": "import p.c\nimport p.a as a\nX = 1\n",
            "p/c.py": "",
            "p/bad.py": "import p.missing\n",
            "p/q/__init__.py": "raise KeyError('q')\n",
            "p/q/d.py": "",
            "p/broken.py": "def (\n",
        },
    )
    found = facts_of(tree)
    assert found["p/a.py"].exported == ("f",)
    assert found["p/a.py"].names["f"] == "builtins.function p.a.f"
    assert found["p/a.py"].names["os"] == "builtins.module os"
    assert found["p/a.py"].file == "p/a.py"
    assert found["p/a.py"].loaded == ("p.a", "p"), "in the order in which they were done"
    assert found["p/b.py"].loaded == ("p.a", "p", "p.c", "p.b"), "nothing of other modules is loaded in its process"
    assert found["p/bad.py"].outcome == "builtins.ModuleNotFoundError"
    assert found["p/q/d.py"].outcome == found["p/q/__init__.py"].outcome == "builtins.KeyError"
    assert "p/broken.py" not in found or found["p/broken.py"].outcome == "builtins.SyntaxError"


def test_modules_that_end_hang_or_take_all_memory_are_told_of_and_the_others_too(tmp_path: Path) -> None:
    tree = make_tree(
        tmp_path / "t",
        {
            "p/__init__.py": "",
            "p/a_exit.py": "import os\nos._exit(3)\n",
            "p/b_kill.py": "import os\nos.kill(os.getpid(), 9)\n",
            "p/c_loop.py": "while True: pass\n",
            "p/d_memory.py": "x = b'x' * (1 << 30)\n",
            "p/e_exit.py": "raise SystemExit(0)\n",
            "p/f_quits/__init__.py": "import os\nos._exit(0)\n",
            "p/f_quits/inside.py": "",
            "p/z_fine.py": "",
        },
    )
    found = {path: facts.outcome for path, facts in facts_of(tree, Limits(2, 30, 512 << 20)).items()}
    assert found == {
        "p/__init__.py": "ok", "p/a_exit.py": "exited", "p/b_kill.py": "signal 9", "p/c_loop.py": "timeout",
        "p/d_memory.py": "builtins.MemoryError", "p/e_exit.py": "builtins.SystemExit",
        "p/f_quits/__init__.py": "exited", "p/f_quits/inside.py": "exited", "p/z_fine.py": "ok",
    }  # fmt: skip


def test_code_runs_apart_from_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    said = tmp_path / "said"
    text = f"""
import os, subprocess, sys
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
with open({str(said)!r}, "w") as file:
    print(child.pid, os.getcwd(), os.environ["HOME"], os.environ.get("TOKEN"), repr(sys.stdin.read()), file=file)
"""
    tree = make_tree(tmp_path / "t", {"p.py": text})
    assert facts_of(tree)["p.py"].outcome == "ok"
    pid, cwd, home, token, stdin = said.read_text().split()
    assert (token, stdin) == ("None", "''")
    assert not Path(cwd).exists()
    assert Path(home) != Path.home()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":
            break
    else:
        assert not os.path.exists(f"/proc/{pid}"), "what it started was ended"


def test_a_whole_that_takes_too_long_is_ended_and_the_rest_is_not_reached(tmp_path: Path) -> None:
    text = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {14})\nwhile True: pass\n"
    tree = make_tree(tmp_path / "t", {"a.py": "", "b.py": text, "c.py": ""})
    found = {path: facts.outcome for path, facts in facts_of(tree, Limits(1, 3)).items()}
    assert found == {"a.py": "ok", "b.py": "not reached", "c.py": "not reached"}


def test_scripts_run_by_their_path_without_their_main_part(tmp_path: Path) -> None:
    tree = make_tree(
        tmp_path / "t",
        {
            "tools/go.py": "import helper\nfrom tools import other\nif __name__ == '__main__':\n    1 / 0\n",
            "tools/helper.py": "",
            "tools/other.py": "",
            "tools/broken.py": "#!/usr/bin/env python\nimport gone\n",
        },
    )
    found = facts_of(tree, how=How.SCRIPT)
    assert found["tools/go.py"].loaded == ("helper", "tools", "tools.other")
    assert found["tools/broken.py"].outcome == "builtins.ModuleNotFoundError"


PACKAGE = {"p/__init__.py": "", "p/a.py": "X = 1\n", "p/b.py": "from p.a import X\n", "p/c.py": "from p import b\n"}


@pytest.mark.parametrize(
    ("new", "path", "why"),
    [
        ({"p/b.py": "from p.missing import X\n"}, "p/b.py", "imported before, builtins.ModuleNotFoundError after"),
        ({"p/b.py": "from p.missing import X\n"}, "p/c.py", "imported before, builtins.ModuleNotFoundError after"),
        ({"p/b.py": "import p.c\nfrom p.a import X\n"}, "p/b.py", "p was None, is builtins.module p"),
        ({"p/b.py": "X = '1'\n"}, "p/b.py", "X was builtins.int, is builtins.str"),
        ({"p/b.py": "from .a import X\n__all__ = ['X']\n"}, "p/b.py", "__all__ was None, is ('X',)"),
        (
            {"p/b.py": "import p.other as o\nfrom p.a import X\ndel o\n"},
            "p/b.py",
            "in another order: p.a before, p.other",
        ),
        ({"p/b.py": "raise SystemExit\n"}, "p/c.py", "builtins.SystemExit after"),
    ],
)
def test_a_change_that_is_seen(changed, new: dict[str, str], path: str, why: str) -> None:
    verdict, said = changed(PACKAGE | {"p/other.py": ""}, new)[path]
    assert verdict == Verdict.CHANGED
    assert why in said


def test_a_change_that_is_not_seen_and_one_of_what_failed_before(changed) -> None:
    texts = PACKAGE | {"p/d.py": "import p.gone\n"}
    new = {"p/b.py": "from .a import X\n", "p/c.py": "from . import b\n", "p/d.py": "from . import gone\n"}
    found = changed(texts, new)
    assert {path: verdict for path, (verdict, _) in found.items()} == {
        "p/__init__.py": "same", "p/a.py": "same", "p/b.py": "same", "p/c.py": "same", "p/d.py": "changed",
    }  # fmt: skip
    assert "builtins.ModuleNotFoundError: No module named 'p.gone' before, builtins.ImportError" in found["p/d.py"][1]
    assert changed(texts, {"p/d.py": "import p.gone as q\n"})["p/d.py"][0] == Verdict.UNVERIFIABLE


def test_old_bytecode_is_not_taken_for_new(tmp_path: Path) -> None:
    """Of the same size and written in the same second."""
    tree = make_tree(tmp_path / "t", {"a.py": "X = 1\n"})
    before = copy_aside(tree, tmp_path / "before")
    for number, text in enumerate(("X = 2\n", "X = a\n", "X = 3\n")):
        after = derive(before, tmp_path / str(number), [Change("a.py", None, text.encode())])
        targets = targets_of(tree)
        for _ in range(2):
            (facts,) = probe(after, targets, QUICK).values()
            assert facts.outcome == ("builtins.NameError" if "a" in text else "ok")
        before = after


def test_a_tree_that_is_a_package_is_imported_by_its_name(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "pack", {"__init__.py": "", "a.py": "from pack import b\n", "b.py": ""})
    copy = copy_aside(tree, tmp_path / "aside")
    found = facts_of(copy)
    assert found["a.py"].loaded == ("pack", "pack.b", "pack.a")


def test_moved_modules_are_compared_under_their_new_names() -> None:
    before = Facts("ok", file="p/a.py", names={"C": "builtins.type p.a.C", "c": "p.a.C", "m": "builtins.module p.ab"})
    after = Facts("ok", file="q/a.py", names={"C": "builtins.type q.a.C", "c": "q.a.C", "m": "builtins.module p.ab"})
    assert compare(before, after).verdict == Verdict.CHANGED
    assert compare(before, after, {"p.a": "q.a"}).verdict == Verdict.SAME
