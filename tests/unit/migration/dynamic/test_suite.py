"""A project's tests, test by test; a report of tests is read with care."""

import re
from pathlib import Path

import pytest

from strata.migration.dynamic import BadReport, Limits, Reach, compare_suites, copy_aside, derive, run_suite
from strata.migration.dynamic.junit import read_report
from strata.migration.dynamic.suite import SuiteRun
from strata.migration.imports import analyse
from strata.migration.project import Change, Root
from tests.support.trees import make_tree

ROOTS = (Root("src"), Root(""))
TEXTS = {
    "src/p/__init__.py": "",
    "src/p/a.py": "X = 1\n",
    "tests/test_a.py": "from p.a import X\ndef test_one(): assert X == 1\ndef test_two(): assert X == 2\n",
    "tests/test_b.py": "import pytest\n@pytest.mark.skip\ndef test_three(): ...\ndef test_four(): ...\n",
}


def test_the_results_before_and_after_are_compared_test_by_test(tmp_path: Path) -> None:
    before = copy_aside(make_tree(tmp_path / "t", TEXTS), tmp_path / "before")
    after = derive(before, tmp_path / "after", [Change("src/p/a.py", None, b"X = 2\n")])
    one, other = (run_suite(copy, ROOTS, Limits()) for copy in (before, after))
    assert dict(one.results) == {
        "tests.test_a::test_one": "passed", "tests.test_a::test_two": "failed",
        "tests.test_b::test_three": "skipped", "tests.test_b::test_four": "passed",
    }  # fmt: skip
    compared = compare_suites(one, other)
    assert compared.different == {
        "tests.test_a::test_one": ("passed", "failed"), "tests.test_a::test_two": ("failed", "passed")
    }  # fmt: skip
    assert not compared.same
    assert compare_suites(one, one).same
    assert (one.count("passed"), other.count("passed")) == (2, 2)
    assert not list(before.rglob(".pytest_cache"))


def test_a_file_that_fails_to_load_does_not_keep_the_others_from_being_run(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "t", {"test_a.py": "import missing\n", "test_b.py": "def test_one(): ...\n"})
    assert dict(run_suite(tree, ROOTS[1:], Limits()).results) == {"::test_a": "error", "test_b::test_one": "passed"}


def test_only_chosen_tests_run_and_a_command_of_the_users(tmp_path: Path) -> None:
    before = copy_aside(make_tree(tmp_path / "t", TEXTS), tmp_path / "before")
    chosen = run_suite(before, ROOTS, Limits(), tests=["tests/test_b.py"])
    assert set(chosen.results) == {"tests.test_b::test_three", "tests.test_b::test_four"}
    own = run_suite(before, ROOTS, Limits(), command="sh -c 'python -m pytest -k one'")
    assert dict(own.results) == {"tests.test_a::test_one": "passed"}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("no-such-program", "cannot be started"),
        ("sleep 30", "took longer than 1 s"),
        ("sh -c 'echo oh; exit 3'", r"wrote no report \(exit status 3\): oh"),
        ("python -m pytest -k nothing", "no tests were collected"),
    ],
)
def test_why_there_are_no_results(tmp_path: Path, command: str, why: str) -> None:
    tree = make_tree(tmp_path / "t", {"test_a.py": ""})
    found = run_suite(tree, ROOTS[1:], Limits(seconds=1 if "sleep" in command else 60), command=command)
    assert not found.results
    assert re.search(why, found.why_none)


def test_a_test_that_differs_from_itself_is_unstable() -> None:
    before, after = SuiteRun({"a": "passed", "b": "passed"}), SuiteRun({"a": "failed", "b": "failed"})
    compared = compare_suites(before, after, SuiteRun({"a": "failed", "b": "passed"}))
    assert (compared.unstable, compared.different) == (("a",), {"b": ("passed", "failed")})


BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><testsuite>&b;</testsuite>'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "declares a document type"),
        ('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "declares a document type"),
        ("<testsuite>", "is no XML"),
        ("", "is no XML"),
        (None, "cannot be read"),
    ],
)
def test_a_report_that_is_not_one(tmp_path: Path, text: str | None, why: str) -> None:
    path = tmp_path / "report.xml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BadReport, match=why):
        read_report(path)


def test_the_worst_of_a_test_that_is_listed_twice_counts(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    case = '<testcase classname="c" name="n"/>', '<testcase classname="c" name="n"><error/></testcase>'
    for order in (case, case[::-1]):
        path.write_text(f"<testsuites><testsuite>{''.join(order)}</testsuite></testsuites>")
        assert read_report(path) == {"c::n": "error"}


def test_tests_that_can_reach_a_file(tmp_path: Path) -> None:
    texts = {
        "p/__init__.py": "",
        "p/a.py": "",
        "p/b.py": "def f():\n    from p import a\n",
        "p/c.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.a\n",
        "tests/test_a.py": "import p.a\n",
        "tests/test_b.py": "from p.b import f\n",
        "tests/test_c.py": "import p.c\n",
        "tests/sub/conftest.py": "import p.b\n",
        "tests/sub/test_d.py": "",
        "tests/test_e.py": "",
    }
    reach = Reach(analyse(make_tree(tmp_path, texts), workers=1))
    assert reach.tests(["p/a.py"]) == ["tests/sub/test_d.py", "tests/test_a.py", "tests/test_b.py"]
    assert reach.tests(["p/__init__.py"]) == [
        f"tests/{name}.py" for name in ("sub/test_d", "test_a", "test_b", "test_c")
    ]
    assert reach.tests(["tests/test_e.py"]) == ["tests/test_e.py"]
    assert reach.importers(["p/a.py"]) == ["p/b.py", "tests/test_a.py"]
