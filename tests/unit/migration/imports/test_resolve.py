"""What an import names, held against the import system: its arithmetic, and real imports in a process of their own."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.imports import How, Origin, RunName, Statement, absolute_name, analyse, resolve
from tests.support.trees import make_tree

PACKAGES = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(".".join)


@given(st.integers(0, 6), st.one_of(st.just(""), PACKAGES), st.one_of(st.none(), PACKAGES))
def test_relative_names_are_counted_as_importlib_counts(level: int, module: str, package: str | None) -> None:
    if not level and not module:
        return
    ours = absolute_name(Statement((1, 0), (1, 9), level, module, (("x", None),)), package)
    try:
        expected = importlib.util.resolve_name("." * level + module, package)
    except ImportError:
        assert ours is (Origin.NO_PACKAGE if package is None else Origin.BEYOND)
    else:
        assert ours == expected


FILES = {
    "p/__init__.py": "attribute = 1\n",
    "p/a.py": "",
    "p/b.py": "",
    "p/q/__init__.py": "from .. import a\n",
    "p/q/c.py": "attribute = 1\n",
    "p/data/d.py": "",  # a namespace inside of a package
    "n/e.py": "",  # and one at the top
    "json.py": "",  # shadowed by the standard library, which is loaded first
    "one.py": "attribute = 1\n",
}
STATEMENTS = [
    "import p", "import p.a", "import p.q.c as c", "import p.none", "import none", "import json", "import os.path",
    "import one", "import n", "import n.e", "import n.none", "import p.data.d", "import p, p.a, none",
    "from p import a", "from p import attribute", "from p import q", "from p.q import c, a",
    "from p.q.c import attribute",
    "from p import data", "from n import e", "from n import none", "from os import path", "from none import x",
    "from p.none import x", "from . import c", "from .c import attribute", "from .. import a, b",
    "from ..a import __name__",
    "from ..q import c", "from ... import p", "from .none import x", "from ....x import y", "from p import *",
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("project"), FILES)


@pytest.fixture(scope="module")
def imported(project: Path) -> dict[str, str]:
    """What happens when each statement runs in `p.q.x`: the error's type, or files of the project that were loaded."""
    code = (
        "import sys, json, os\n"
        "sys.path.insert(0, os.getcwd())\n"
        "results = {}\n"
        "statements = json.load(sys.stdin)\n"
        "before = set(sys.modules)\n"
        "for text in statements:\n"
        "    for name in set(sys.modules) - before:\n"
        "        del sys.modules[name]\n"
        "    import p.q\n"
        "    space = {'__name__': 'p.q.x', '__package__': 'p.q'}\n"
        "    try:\n"
        "        exec(text, space)\n"
        "    except ImportError as error:\n"
        "        results[text] = type(error).__name__\n"
        "    else:\n"
        "        files = [getattr(sys.modules[n], '__file__', None) for n in set(sys.modules) - before]\n"
        "        results[text] = sorted(os.path.relpath(f) for f in files if f)\n"
        "print(json.dumps(results))\n"
    )
    command = [sys.executable, "-P", "-c", code]
    done = subprocess.run(
        command, input=json.dumps(STATEMENTS), cwd=project, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", STATEMENTS)
def test_resolved_as_it_is_imported(text: str, project: Path, imported: dict[str, str], tmp_path: Path) -> None:
    make_tree(tmp_path, FILES | {"p/q/x.py": text + "\n"})
    found = analyse(tmp_path)
    (statement,) = found.files["p/q/x.py"].statements
    (name,) = found.names["p/q/x.py"]
    resolved = resolve(statement, name, found.modules)
    happened = imported[text]
    if isinstance(happened, str):
        gone = {Origin.MISSING, Origin.EXTERNAL, Origin.BEYOND}
        assert any(each.origin in gone or each.target.kind == "namespace" for each in resolved)
        assert (happened == "ModuleNotFoundError") or any(
            each.origin is Origin.BEYOND or each.attribute for each in resolved
        )
        return
    assert all(each.origin in {Origin.PROJECT, Origin.STDLIB} for each in resolved)
    files = {each.target.path for each in resolved if each.target is not None and each.target.path.endswith(".py")}
    assert files <= set(happened)
    inits = {"p/__init__.py", "p/q/__init__.py", "p/a.py"}  # loaded before the statement runs
    assert {file for file in happened if "site-packages" not in file and not file.startswith("..")} - inits <= files


def origins(folder: Path, files: dict[str, str], path: str) -> list[Origin]:
    found = analyse(make_tree(folder, files))
    (statement,) = found.files[path].statements
    return [each.origin for each in resolve(statement, found.names[path][0], found.modules)]


def test_an_installed_package_is_not_taken_for_a_folder_without_init(tmp_path: Path) -> None:
    files = {"docker/x.py": "", "a.py": "from docker import Client, x\n"}
    assert origins(tmp_path / "1", files, "a.py") == [Origin.EXTERNAL, Origin.PROJECT]
    assert origins(tmp_path / "2", files | {"a.py": "import docker.errors"}, "a.py") == [Origin.EXTERNAL]
    assert origins(tmp_path / "3", {"docker/x.py": "import docker.errors"}, "docker/x.py") == [Origin.EXTERNAL]
    assert origins(tmp_path / "4", {"docker/x.py": "from . import errors"}, "docker/x.py") == [Origin.MISSING]


def test_a_package_with_a_name_of_the_standard_library_sees_itself(tmp_path: Path) -> None:
    files = {"email/__init__.py": "", "email/a.py": "from email import b", "email/b.py": "", "c.py": "import email.b"}
    assert origins(tmp_path / "1", files, "email/a.py") == [Origin.PROJECT]
    assert origins(tmp_path / "2", files, "c.py") == [Origin.STDLIB]


def test_without_a_parent_package(tmp_path: Path) -> None:
    found = analyse(make_tree(tmp_path, {"p/__init__.py": "", "p/a.py": "from . import b, c\n"}))
    (statement,) = found.files["p/a.py"].statements
    script = RunName("__main__", None, found.modules.roots, How.SCRIPT)
    assert [each.origin for each in resolve(statement, script, found.modules)] == [Origin.NO_PACKAGE] * 2
