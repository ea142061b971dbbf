"""The names that files can run as."""

from pathlib import Path

import pytest

from strata.migration.imports import Analysis, How, RunName, analyse, lives
from tests.support.trees import make_tree

MAIN = "if __name__ == '__main__':\n    pass\n"


def names(analysis: Analysis, path: str) -> list[tuple[How, str, str | None]]:
    return [(each.how, each.name, each.package) for each in analysis.names[path]]


def read(folder: Path, files: dict[str, str]) -> Analysis:
    return analyse(make_tree(folder, files))


def test_a_module_and_a_package_are_imported(tmp_path: Path) -> None:
    found = read(tmp_path, {"p/__init__.py": "", "p/a.py": "", "top.py": "", "my-tools/x.py": ""})
    assert names(found, "p/__init__.py") == [(How.IMPORT, "p", "p")]
    assert names(found, "p/a.py") == [(How.IMPORT, "p.a", "p")]
    assert names(found, "top.py") == [(How.IMPORT, "top", None)]
    assert names(found, "my-tools/x.py") == []


def test_a_file_under_two_roots_has_two_names(tmp_path: Path) -> None:
    found = read(tmp_path, {"src/p/__init__.py": "", "src/p/a.py": ""})
    assert names(found, "src/p/a.py") == [(How.IMPORT, "p.a", "p"), (How.IMPORT, "src.p.a", "src.p")]


def test_a_main_guard_runs_by_path_and_as_a_module(tmp_path: Path) -> None:
    found = read(tmp_path, {"p/__init__.py": "", "p/a.py": MAIN, "p/__main__.py": "", "my-tools/x.py": MAIN})
    assert names(found, "p/a.py") == [
        (How.IMPORT, "p.a", "p"),
        (How.MODULE, "__main__", "p"),
        (How.SCRIPT, "__main__", None),
    ]
    assert found.names["p/a.py"][2].roots[0].folder == "p"
    assert names(found, "p/__main__.py") == [(How.IMPORT, "p.__main__", "p"), (How.MODULE, "__main__", "p")]
    assert names(found, "my-tools/x.py") == [(How.SCRIPT, "__main__", None)]


@pytest.mark.parametrize(
    "text", ["#!/usr/bin/env python\n", "try:\n from .b import c\nexcept ImportError:\n from b import c\n"]
)
def test_what_is_written_to_run_by_path(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, {"p/__init__.py": "", "p/a.py": text, "p/b.py": ""})
    assert names(found, "p/a.py") == [(How.IMPORT, "p.a", "p"), (How.SCRIPT, "__main__", None)]


def test_pytest_names_a_test_from_the_lowest_folder_that_is_no_package(tmp_path: Path) -> None:
    files = {"tests/test_a.py": "", "tests/q/__init__.py": "", "tests/q/r/__init__.py": "", "tests/q/r/b_test.py": ""}
    found = read(tmp_path, files | {"conftest.py": "", "tests/helper.py": ""})
    assert names(found, "tests/test_a.py")[1:] == [(How.PYTEST, "test_a", None)]
    assert found.names["tests/test_a.py"][1].roots[0].folder == "tests"
    assert names(found, "tests/q/r/b_test.py")[1:] == [(How.PYTEST, "q.r.b_test", "q.r")]
    assert names(found, "conftest.py")[1:] == [(How.PYTEST, "conftest", None)]
    assert len(found.names["tests/helper.py"]) == 1


def test_pytest_in_a_tree_that_is_a_package(tmp_path: Path) -> None:
    found = read(tmp_path / "p", {"__init__.py": "", "tests/__init__.py": "", "tests/test_a.py": "from . import x\n"})
    assert names(found, "tests/test_a.py") == [
        (How.IMPORT, "p.tests.test_a", "p.tests"),
        (How.PYTEST, "p.tests.test_a", "p.tests"),
    ]


def test_pytest_told_to_use_importlib(tmp_path: Path) -> None:
    files = {
        "tests/__init__.py": "",
        "tests/test_a.py": "",
        "pytest.ini": "[pytest]\naddopts = -q --import-mode=importlib\n",
    }
    assert names(read(tmp_path, files), "tests/test_a.py")[1:] == [(How.PYTEST, "tests.test_a", None)]


def test_a_name_under_which_the_file_fails_already_is_left_out(tmp_path: Path) -> None:
    files = {
        "p/__init__.py": "",
        "p/a.py": "from . import b\n" + MAIN,
        "p/b.py": "def f():\n from . import a\n" + MAIN,
        "p/c.py": "if x:\n from . import a\n" + MAIN,
        "p/d.py": "__package__ = 'p'\nfrom . import a\n" + MAIN,
        "tests/test_a.py": "from . import x\n",
        "top.py": "from . import x\n" + MAIN,
    }
    found = read(tmp_path, files)
    hows = {path: [name.how for name in names] for path, names in found.names.items()}
    assert hows["p/a.py"] == [How.IMPORT, How.MODULE]
    for path in ("p/b.py", "p/c.py", "p/d.py"):
        assert hows[path] == [How.IMPORT, How.MODULE, How.SCRIPT], path
    assert hows["tests/test_a.py"] == [How.IMPORT]
    assert hows["top.py"] == [How.IMPORT, How.MODULE]  # it cannot run at all, and keeps the names it has


def test_lives_counts_dots(tmp_path: Path) -> None:
    found = read(tmp_path, {"p/__init__.py": "", "p/a.py": "from ..q import b\n"})
    facts, roots = found.files["p/a.py"], found.modules.roots
    assert not lives(facts, RunName("p.a", "p", roots, How.IMPORT))
    assert lives(facts, RunName("o.p.a", "o.p", roots, How.IMPORT))
    assert not lives(facts, RunName("__main__", None, roots, How.SCRIPT))
