"""Imports that resolve nowhere, and what they can only mean."""

import pytest

from strata.migration.imports import analyse
from strata.migration.rewrite import live_names, propose_repairs, repair_file
from strata.migration.verify import Proof, prove
from tests.support.trees import make_tree

P = {
    "p/__init__.py": "",
    "p/new/__init__.py": "",
    "p/new/util.py": "def f(): pass\nif f:\n    g = 1\n",
    "p/io/__init__.py": "",
    "p/io/read.py": "x = 1\n",
    "p/net/__init__.py": "",
    "p/net/read.py": "x = 1\n",
}


def proposed(folder, text, path="p/a.py"):
    project = analyse(make_tree(folder, P | {path: text}), workers=1)
    live = live_names(project)
    return project, live[path], [each for each in propose_repairs(project, live) if each.path == path]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from p.old.util import f, g  # why\n", "from p.new.util import f, g  # why\n"),
        ("from .util import f\n", "from .new.util import f\n"),
        ("from .util import *\n", "from .new.util import *\n"),
        ("from p.old.io.read import x\n", "from p.io.read import x\n"),
        ("from ....new.util import f\n", "from .new.util import f\n"),
    ],
)
def test_the_one_module_that_ends_alike_is_proposed(tmp_path, before, after):
    project, names, (repair,) = proposed(tmp_path, before)
    assert repair.module in repair.why
    done = repair_file(before.encode(), [repair])
    assert done.decode() == after
    if "...." not in before:
        facts, renamed = project.files["p/a.py"], {repair.asked: repair.module}
        assert isinstance(prove(before.encode(), done, facts, names, project.modules, renamed=renamed), Proof)


@pytest.mark.parametrize(
    "text",
    [
        "from p.new.util import f\n",
        "from p.old.read import x\n",
        "from p.old.util import missing\n",
        "from p.gone import x\n",
        "from util import f\n",
        "import p.old.util\n",
        "try:\n    from p.old.util import f\nexcept ImportError:\n    f = None\n",
    ],
)
def test_nothing_is_proposed_where_nothing_is_sure(tmp_path, text):
    assert proposed(tmp_path, text)[2] == []
