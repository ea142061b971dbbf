"""A project at a glance."""

from pathlib import Path

from strata.migration.graph import import_edges, survey
from strata.migration.imports import analyse
from tests.support.trees import make_tree


def test_a_project_at_a_glance(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "p/__init__.py": "",
            "p/a.py": "import os, requests\nfrom .b import x\nfrom p import gone, c\nimport p.gone\n",
            "p/b.py": "def f():\n from .a import y\ntry:\n import json\nexcept ImportError:\n json = None\n",
            "p/c.py": "if TYPE_CHECKING:\n from . import a\n",
            "p/c/__init__.py": "",
            "bad.py": "(",
            "Makefile": "python p/b.py\n",
        },
    )
    found = survey(analyse(tmp_path))
    told = found.to_json()
    assert (told["files"], told["modules"], told["edges"]) == (6, 6, len(import_edges(analyse(tmp_path))))
    counts = {(each["origin"], each["form"]): each["statements"] for each in told["imports"]}
    assert counts == {
        ("project", "absolute"): 1,
        ("project", "relative"): 3,
        ("stdlib", "absolute"): 2,
        ("external", "absolute"): 1,
        ("missing", "absolute"): 1,
    }
    assert (told["tried"], told["type_only"], told["deferred"]) == (1, 1, 1)
    assert told["run_by_path"] == {"p/b.py": "Makefile"}
    assert [(each["kind"], each["modules"]) for each in told["cycles"]] == [
        ("deferred", ("p.a", "p.b")),
        ("type-only", ("p.a", "p.b", "p.c")),
    ]
    assert [(each["path"], each["line"], each["origin"]) for each in told["broken"]] == [("p/a.py", 4, "missing")]
    assert told["clashes"] == {"p.c": ["p/c.py", "p/c/__init__.py"]}
    assert [(each["path"], each["code"]) for each in told["left_alone"]] == [("bad.py", "syntax")]


def test_a_file_that_is_loaded_twice(tmp_path: Path) -> None:
    """Its classes are then two, and what one of them pickles is not the other's."""
    files = {
        "src/p/__init__.py": "",
        "src/p/a.py": "",
        "src/p/b.py": "from . import a\n",
        "tests/test_a.py": "from src.p import a\nfrom src.p.b import x\n",
    }
    assert survey(analyse(make_tree(tmp_path, files))).twice == {"src/p/a.py": ["p.a", "src.p.a"]}


def test_a_name_of_the_standard_library(tmp_path: Path) -> None:
    files = {"types.py": "", "p/__init__.py": "", "p/random.py": "", "email/__init__.py": ""}
    found = survey(analyse(make_tree(tmp_path, files))).shadowing
    assert found == {"email/__init__.py": "email", "types.py": "types"}
