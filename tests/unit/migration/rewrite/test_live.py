"""Under which names a project's files run, as far as it tells."""

import pytest

from strata.migration.imports import How, analyse
from strata.migration.rewrite import live_names
from tests.support.trees import make_tree

MAIN = "if __name__ == '__main__':\n    pass\n"


def names(folder, files, path, roots=()):
    live = live_names(analyse(make_tree(folder, files), roots, workers=1))
    return {(name.how, name.name, name.package) for name in live[path]}


def test_in_the_src_layout_the_second_name_counts_only_if_it_is_used(tmp_path):
    files = {"src/p/__init__.py": "", "src/p/a.py": "", "use.py": "import p.a\n"}
    assert names(tmp_path, files, "src/p/a.py") == {(How.IMPORT, "p.a", "p")}
    assert names(tmp_path, {"use.py": "import src.p\n"}, "src/p/a.py") == {
        (How.IMPORT, "p.a", "p"),
        (How.IMPORT, "src.p.a", "src.p"),
    }


def test_a_string_that_is_imported_makes_a_name_count(tmp_path):
    files = {"src/p/__init__.py": "", "src/p/a.py": "", "use.py": "import_module('src.p.a')\n"}
    assert (How.IMPORT, "src.p.a", "src.p") in names(tmp_path, files, "src/p/a.py")


def test_a_main_guard_makes_a_script_and_a_module_to_run(tmp_path):
    files = {"p/__init__.py": "", "p/a.py": f"from p import b\n{MAIN}"}
    assert names(tmp_path, files, "p/a.py") == {
        (How.IMPORT, "p.a", "p"),
        (How.MODULE, "__main__", "p"),
        (How.SCRIPT, "__main__", None),
    }


@pytest.mark.parametrize("text", ["from . import b\n", "class C:\n    from .b import x\n"])
def test_what_fails_as_a_script_is_none(tmp_path, text):
    files = {"p/__init__.py": "", "p/a.py": text + MAIN}
    assert How.SCRIPT not in {how for how, _, _ in names(tmp_path, files, "p/a.py")}


@pytest.mark.parametrize(
    "text", ["def f():\n    from . import b\n", "try:\n    from . import b\nexcept ImportError: pass\n"]
)
def test_what_may_not_fail_as_a_script_is_one(tmp_path, text):
    files = {"p/__init__.py": "", "p/a.py": text + MAIN}
    assert How.SCRIPT in {how for how, _, _ in names(tmp_path, files, "p/a.py")}


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ("Makefile", "x:\n\tpython p/a.py --all\n"),
        ("tox.ini", "commands = python -m doctest p/a.py\n"),
        (".github/workflows/ci.yml", "- run: cd p && python3 a.py\n"),
        ("pyproject.toml", "[tool.x]\nrun = 'uv run ./p/a.py'\n"),
        ("tools/Makefile", "x:\n\t$(PY) ../p/a.py\n"),
        ("load.py", "import runpy\nrunpy.run_path('../p/a.py')\n"),
        ("load.py", "spec_from_file_location('x', os.path.join(here, 'a.py'))\n"),
    ],
)
def test_a_file_that_is_named_by_its_path_may_run_by_it(tmp_path, other, text):
    files = {"p/__init__.py": "", "p/a.py": "", other: text}
    assert (How.SCRIPT, "__main__", None) in names(tmp_path, files, "p/a.py")


@pytest.mark.parametrize("text", ["x:\n\tpytest p/a.py\n", "x:\n\tpython -m pytest p/a.py\n", "x:\n\tpython p/ba.py\n"])
def test_a_file_that_pytest_is_given_is_no_script(tmp_path, text):
    assert names(tmp_path, {"p/__init__.py": "", "p/a.py": "", "Makefile": text}, "p/a.py") == {
        (How.IMPORT, "p.a", "p")
    }


def test_outside_of_packages_a_file_that_nothing_imports_runs_by_its_path(tmp_path):
    files = {"jobs/a.py": "from jobs.b import x\n", "jobs/b.py": "x = 1\n"}
    assert (How.SCRIPT, "__main__", None) in names(tmp_path, files, "jobs/a.py")
    assert names(tmp_path, files, "jobs/b.py") == {(How.IMPORT, "jobs.b", "jobs")}


def test_a_file_that_no_statement_can_name_runs_by_its_path(tmp_path):
    found = names(tmp_path, {"p/__init__.py": "", "p/2024_add.py": "from p import x\n"}, "p/2024_add.py")
    assert found == {(How.IMPORT, "p.2024_add", "p"), (How.SCRIPT, "__main__", None)}


def test_a_root_inside_a_package_leaves_the_packages_own_name(tmp_path):
    files = {"p/__init__.py": "", "p/s/__init__.py": "", "p/s/a.py": ""}
    assert names(tmp_path, files, "p/s/a.py", ["p"]) == {(How.IMPORT, "s.a", "s"), (How.IMPORT, "p.s.a", "p.s")}


def test_pytest_told_to_import_by_path_gives_no_package(tmp_path):
    files = {
        "tests/__init__.py": "",
        "tests/test_a.py": "",
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--import-mode=importlib'\n",
    }
    assert (How.PYTEST, "tests.test_a", None) in names(tmp_path, files, "tests/test_a.py")


def test_what_a_script_imports_from_its_folder_has_the_name_that_it_has_there(tmp_path):
    files = {
        "tools/__init__.py": "",
        "tools/run.py": f"import helper\nimport json\nfrom tools import other\n{MAIN}",
        "tools/helper.py": "from deep.inner import x\n",
        "tools/deep/__init__.py": "from . import inner\n",
        "tools/deep/inner.py": "",
        "tools/json.py": "",
        "tools/other.py": "",
    }
    assert (How.IMPORT, "helper", None) in names(tmp_path, files, "tools/helper.py")
    assert (How.IMPORT, "deep.inner", "deep") in names(tmp_path, files, "tools/deep/inner.py")
    assert (How.IMPORT, "deep", "deep") in names(tmp_path, files, "tools/deep/__init__.py")
    assert {name for _, name, _ in names(tmp_path, files, "tools/other.py")} == {"tools.other"}
    assert {name for _, name, _ in names(tmp_path, files, "tools/json.py")} == {"tools.json"}


def test_what_a_test_without_a_package_imports_beside_it_has_none(tmp_path):
    files = {"tests/test_a.py": "import helper\n", "tests/helper.py": "from tests.b import x\n", "tests/b.py": ""}
    assert (How.IMPORT, "helper", None) in names(tmp_path, files, "tests/helper.py")


def test_doctests_that_pytest_collects_outside_of_packages_have_none(tmp_path):
    files = {"p/a.py": "", "use.py": "import p.a\n", "pytest.ini": "[pytest]\naddopts = --doctest-modules\n"}
    assert (How.PYTEST, "a", None) in names(tmp_path, files, "p/a.py")
    assert How.PYTEST not in {how for how, _, _ in names(tmp_path, {"p/__init__.py": ""}, "p/a.py")}


@pytest.mark.parametrize("command", ["discover -s tests", "discover tests -v", "discover --start-directory=./tests/"])
def test_unittest_counts_from_the_folder_where_it_begins(tmp_path, command):
    files = {"tests/__init__.py": "", "tests/unit/__init__.py": "", "tests/unit/test_a.py": ""}
    files["tox.ini"] = f"commands = python -m unittest {command}\n"
    assert (How.IMPORT, "unit.test_a", "unit") in names(tmp_path, files, "tests/unit/test_a.py")
    files["tox.ini"] = f"commands = python -m unittest {command} -t .\n"
    assert {name for _, name, _ in names(tmp_path, files, "tests/unit/test_a.py")} == {"tests.unit.test_a"}
