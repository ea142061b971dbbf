"""Modules of tiny projects are moved, and these run: every old import path and every new one gives the same objects."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from strata.migration.coupling import see_through
from strata.migration.graph import import_edges
from strata.migration.imports import analyse
from strata.migration.refactor import Move, Stuck, make_step, shim_target
from tests.support.trees import make_tree

SHAPES = "class Square:\n    sides = 4\n\n\ndef area(side):\n    return side * side\n"
PROJECT = {
    "pyproject.toml": '[project.scripts]\narea = "p.a.shapes:area"\n[tool.pytest.ini_options]\npythonpath = ["src"]\n',
    "src/p/__init__.py": "",
    "src/p/a/__init__.py": "",
    "src/p/a/colours.py": "RED = 'red'\n",
    "src/p/a/shapes.py": "from . import colours\nfrom .colours import RED  # kept\n\n\n" + SHAPES,
    "src/p/b/__init__.py": "",
    "src/p/b/one.py": "from p.a.shapes import Square, area as surface\n",
    "src/p/b/two.py": "from ..a import shapes\n\nMODULE = shapes\n",
    "src/p/b/three.py": "from ..a import (\n    colours,\n    shapes as forms,\n)\n",
    "src/p/b/four.py": (
        "import p.a.shapes\nimport p.a.colours as c\n\n\n"
        "def f(s: 'p.a.shapes.Square | None' = None) -> p.a.shapes.Square:\n    return p.a.shapes . Square()\n"
    ),
    "src/p/b/five.py": (
        "import p.a.shapes as s, os\n\n\ndef late():\n    from ..a.shapes import area\n    return area(3)\n"
    ),
    "src/p/b/six.py": "from p.a.shapes import *\n",
    "src/p/b/seven.py": "if True: from ..a import colours, shapes; X = shapes.Square\n",
    "src/p/b/eight.py": "from importlib import import_module\n\nSHAPES = import_module('p.a.shapes')\n",
    "tests/test_p.py": (
        "from unittest import mock\nfrom p.b import five\n\n\ndef test_late():\n"
        "    with mock.patch('p.a.shapes.area', return_value=7):\n        assert five.late() == 7\n"
    ),
}
ENVIRONMENT = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take longer to load than the tests to run
PICKLED = b"(ip.a.shapes\nSquare\n."  # an instance, as it was written before the move
LOOKS = """
import importlib, pickle, sys
for old, new in {pairs!r}:
    names = (old, new) if {first!r} == "old" else (new, old)
    one, other = map(importlib.import_module, names)
    assert one is other, names
    assert one.__name__ == new and sys.modules[old] is one
    assert getattr(importlib.import_module(old.rpartition(".")[0]), old.rpartition(".")[2]) is one
from p.b import one, two, three, four, five, six, seven, eight
import p.a.shapes as shapes
import typing
assert one.Square is two.MODULE.Square is three.forms.Square is six.Square is seven.X is shapes.Square
assert type(four.f()) is typing.get_type_hints(four.f)["return"] is shapes.Square
assert five.s is eight.SHAPES is shapes and five.late() == 9 and three.colours.RED == shapes.RED == "red"
assert type(pickle.loads({pickled!r})) is shapes.Square
assert type(pickle.loads(pickle.dumps(shapes.Square()))) is shapes.Square
from unittest import mock
with mock.patch("p.a.shapes.area", return_value=1):
    assert five.late() == 1
"""


def write(tree, step):
    for change in step.changes:
        place = tree / change.path
        assert (place.read_bytes() if place.exists() else None) == change.before
        if change.after is None:
            place.unlink()
        else:
            place.write_bytes(change.after)


def undo(tree, step):
    for change in reversed(step.changes):
        if change.before is None:
            (tree / change.path).unlink()
        else:
            (tree / change.path).write_bytes(change.before)


def move(tree, old, new, *, shim=True):
    step = make_step(analyse(tree, workers=1), Move(old, new, shim))
    write(tree, step)
    return step


def run(tree, *arguments):
    done = subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=tree,
        env=ENVIRONMENT | {"PYTHONPATH": str(tree / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout


@pytest.mark.parametrize("first", ["old", "new"])
@pytest.mark.parametrize("new", ["p.b.shapes", "p.b.forms"])
def test_every_old_and_new_path_gives_the_same_objects(tmp_path, first, new):
    tree = make_tree(tmp_path, PROJECT)
    run(tree, "-c", LOOKS.format(pairs=[("p.a.shapes", "p.a.shapes")], first=first, pickled=PICKLED))
    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    step = move(tree, "p.a.shapes", new)
    run(tree, "-c", LOOKS.format(pairs=[("p.a.shapes", new)], first=first, pickled=PICKLED))
    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert shim_target((tree / "src/p/a/shapes.py").read_bytes()) == new
    assert f'area = "{new}:area"' in (tree / "pyproject.toml").read_text()
    assert f"mock.patch('{new}.area'" in (tree / "tests/test_p.py").read_text()
    left = [c.path for c in step.changes if c.after and b"a.shapes" in c.after and not c.path.endswith("a/shapes.py")]
    assert left == []


def test_a_move_that_is_undone_leaves_every_byte(tmp_path):
    tree = make_tree(tmp_path, PROJECT)
    undo(tree, move(tree, "p.a.shapes", "p.b.shapes"))
    assert {f"{p.relative_to(tree)}": p.read_text() for p in tree.rglob("*") if p.is_file()} == PROJECT


def test_a_module_can_be_moved_twice(tmp_path):
    tree = make_tree(tmp_path, PROJECT)
    move(tree, "p.a.shapes", "p.b.shapes")
    move(tree, "p.a.colours", "p.b.colours")
    pairs = [("p.a.shapes", "p.b.shapes"), ("p.a.colours", "p.b.colours")]
    run(tree, "-c", LOOKS.format(pairs=pairs, first="old", pickled=PICKLED))


def test_the_package_that_is_left_goes_on_having_the_module(tmp_path):
    files = {
        "p/__init__.py": "",
        "p/a/__init__.py": "from .m import X\n",
        "p/a/m.py": "X = object()\n",
        "p/b/__init__.py": "from ..a.m import X as Y\n",
        "q.py": "import p.a\n\nassert p.a.m.X is p.a.X\n",
    }
    tree = make_tree(tmp_path, files)
    move(tree, "p.a.m", "p.b.m")
    run(tree, "q.py")
    assert (tree / "p/a/__init__.py").read_text() == files["p/a/__init__.py"]
    run(tree, "-c", "import p.b, p.a; assert p.b.Y is p.a.X is p.a.m.X is p.b.m.X")


def test_without_a_shim_the_old_path_is_gone(tmp_path):
    tree = make_tree(tmp_path, PROJECT)
    move(tree, "p.a.shapes", "p.b.shapes", shim=False)
    assert not (tree / "src/p/a/shapes.py").exists()
    run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    run(tree, "-c", "import p.b.four, p.b.seven, p.b.eight, p.b.shapes as s; assert p.b.seven.X is s.Square")


NAMES = ("a.m", "a.n", "b.o", "c.q")
FORMS = (
    "from p.{name} import value as v{at}\n",
    "from {dots}{name} import value as v{at}, other\n",
    "from p.{package} import {base} as v{at}, extra\n",
    "from {dots}{package} import (\n    extra,\n    {base},\n)\n",
    "import p.{name} as v{at}\n",
    "import p.{name}\nv{at} = p.{name}.value\n",
    "def f{at}():\n    from {dots}{name} import value\n    return value\n",
    "try:\n    from p.{name} import value\nexcept ImportError:\n    value = None\n",
)


@st.composite
def trees(draw):
    files = {f"p/{package}/__init__.py": "extra = 1\n" for package in "abc"} | {"p/__init__.py": ""}
    for at, name in enumerate((*NAMES, "a.__init__", "b.r", "top")):
        others = [other for other in NAMES if other != name]
        chosen = draw(st.lists(st.tuples(st.sampled_from(FORMS), st.sampled_from(others)), max_size=4))
        dots = "." if name == "top" else ".."
        text = "".join(
            form.format(name=other, package=other[0], base=other[2], dots=dots, at=10 * at + number)
            for number, (form, other) in enumerate(chosen)
        )
        files[f"p/{name.replace('.', '/')}.py"] = f"extra = value = other = {at}\n{text}"
    return files


@settings(max_examples=25, deadline=None)
@given(trees(), st.sampled_from(NAMES), st.sampled_from("abc"), st.booleans())
def test_whoever_imports_a_module_imports_it_at_its_new_place_and_back_again(files, name, package, shim):
    assume(not name.startswith(package))
    with tempfile.TemporaryDirectory() as folder:
        tree = make_tree(Path(folder), files)
        before = analyse(tree, workers=1)
        old, new = f"p.{name}", f"p.{package}.{name[2]}"
        step = make_step(before, Move(old, new, shim))
        write(tree, step)
        shims = {old} if shim else set()
        after = analyse(tree, workers=1)
        wanted = {
            (new if e.importer == old else e.importer, new if e.imported == old else e.imported, e.names)
            for e in import_edges(before)
        }
        found = {
            (e.importer, e.imported, e.names)
            for e in see_through(import_edges(after), shims)
            if e.importer not in shims
        }
        assert found == wanted
        undo(tree, step)
        assert {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*.py")} == files


@pytest.mark.parametrize(
    ("importer", "expected"),
    [
        ("from p.a import colours, m\n", "from p.a import colours\nfrom p.b import m\n"),
        ("from .a import m, colours as c  # both\n", "from .b import m\nfrom .a import colours as c  # both\n"),
        ("if 1: from .a import m, colours\n", "if 1: from .b import m; from .a import colours\n"),
        (
            "def f():\n    from .a import (colours,\n      m, x)\n",
            "def f():\n    from .a import colours\n    from .b import m\n    from .a import x\n",
        ),
        ("import os, p.a.m as n, sys\n", "import os, p.b.m as n, sys\n"),
        ("from . a . m import(y)\r\nz = 1\r\n", "from .b.m import(y)\r\nz = 1\r\n"),
        ("import p.a.m\nx = (p.a\n  .m.y)\n", "import p.b.m\nx = (p.b.m.y)\n"),
    ],
)  # fmt: skip
def test_only_what_must_change_of_a_statement_does(tmp_path, importer, expected):
    files = {"p/__init__.py": "", "p/a/__init__.py": "x = 1\n", "p/a/colours.py": "", "p/a/m.py": "y = 1\n"}
    tree = make_tree(tmp_path, files | {"p/b/__init__.py": "", "p/c.py": importer})
    move(tree, "p.a.m", "p.b.m")
    assert (tree / "p/c.py").read_bytes().decode() == expected
    run(tree, "-c", "import p.c")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"p/a/m.py": "from pathlib import Path\nHERE = Path(__file__)\n"}, "data-file"),
        ({"p/a/m.py": "from importlib import resources\n"}, "data-file"),
        ({"p/a/m.py": "from pkgutil import get_data\n"}, "data-file"),
        ({"p/a/m.py": "from x import lazy\n__getattr__ = lazy(__name__)\n"}, "own-name"),
        ({"p/a/m.py": "if __name__ == '__main__':\n    print(1)\n"}, "script"),
        ({"p/a/m.py": "def f(:\n"}, "syntax"),
        ({"p/a/m.pyi": ""}, "stub"),
        (
            {"pyproject.toml": "[tool.strata.imports]\nroots = ['', 'p']\n", "p/c.py": "import a.m, p.a.m as n\n"},
            "two-names",
        ),
        ({"p/b/m.py": ""}, "name-taken"),
        ({"p/b/__init__.py": "m = 1\n"}, "name-taken"),
        ({"p/a/__init__.py": "from .m import m\n", "p/a/m.py": "def m(): ...\n"}, "shadowed"),
        ({"p/c.py": "import p.a.m\nprint(p.a)\n"}, "bare-use"),
        ({"p/c.py": "import p.a.m\n\ndef f(p):\n    return p.a.m\n"}, "rebound"),
        ({"p/c.py": "import p.a\nx = p.a.m.y\n"}, "attribute-use"),
        ({"p/c.py": "from p import a\nx = a.m.y\n"}, "attribute-use"),
        ({"p/c.py": "from .a import (x,  # why\n    m)\n", "p/a/__init__.py": "x = 1\n"}, "comment"),
        ({"p/b/__init__.py": "import pkgutil\nALL = list(pkgutil.iter_modules(__path__))\n"}, "folder-read"),
    ],
)
def test_what_cannot_be_proved_is_refused_with_its_reason(tmp_path, files, code):
    usual = {"p/__init__.py": "", "p/a/__init__.py": "", "p/a/m.py": "y = 1\n", "p/b/__init__.py": ""}
    tree = make_tree(tmp_path, usual | files)
    with pytest.raises(Stuck) as refused:
        make_step(analyse(tree, workers=1), Move("p.a.m", "p.b.m"))
    assert refused.value.code == code


@pytest.mark.parametrize("package", ["a", "b"])
def test_a_package_that_lists_its_names_may_be_starred_and_no_other(tmp_path, package):
    usual = {"p/__init__.py": "", "p/a/__init__.py": "", "p/a/m.py": "y = 1\n", "p/b/__init__.py": ""}
    tree = make_tree(tmp_path, usual | {"p/c.py": f"from p.{package} import *\n"})
    with pytest.raises(Stuck, match="takes whatever"):
        make_step(analyse(tree, workers=1), Move("p.a.m", "p.b.m"))
    (tree / f"p/{package}/__init__.py").write_text("__all__ = []\n")
    make_step(analyse(tree, workers=1), Move("p.a.m", "p.b.m"))


@pytest.mark.parametrize(
    "text",
    [
        "pytest_plugins = ['p.a.m']\n",
        "TABLE = {'y': 'p.a.m:y'}\n",
        "from importlib import import_module\nimport_module('.m', 'p.a')\n",
    ],
)
def test_strings_that_cannot_be_resolved_need_a_shim(tmp_path, text):
    usual = {"p/__init__.py": "", "p/a/__init__.py": "", "p/a/m.py": "y = 1\n", "p/b/__init__.py": ""}
    analysis = analyse(make_tree(tmp_path, usual | {"p/c.py": text}), workers=1)
    make_step(analysis, Move("p.a.m", "p.b.m"))
    with pytest.raises(Stuck) as refused:
        make_step(analysis, Move("p.a.m", "p.b.m", shim=False))
    assert refused.value.code == "string"


@pytest.mark.parametrize(
    "text", ["import logging\nlog = logging.getLogger(__name__)\n", "import sys\nME = sys.modules[__name__]\n"]
)
def test_harmless_uses_of_the_own_name_do_not_hold_a_module(tmp_path, text):
    tree = make_tree(tmp_path, {"p/__init__.py": "", "p/a/__init__.py": "", "p/a/m.py": text, "p/b/__init__.py": ""})
    move(tree, "p.a.m", "p.b.m")
    run(tree, "-c", "import p.a.m, p.b.m; assert p.a.m is p.b.m")
