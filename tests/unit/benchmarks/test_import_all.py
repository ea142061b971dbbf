"""Importing every module of a copy, whatever these do."""

from tests.benchmarks.support.import_all import import_all
from tests.support.trees import make_tree


def test_each_module_has_an_outcome_also_after_one_that_ends_the_process(tmp_path):
    files = {
        "p/__init__.py": "print('said')\n",
        "p/a.py": "import os\nos._exit(3)\n",
        "p/b.py": "raise ValueError\n",
        "p/c.py": "x = 1\n",
        "p/d.py": "import sys\nsys.exit(0)\n",
    }
    names = ["p", "p.a", "p.b", "json", "p.c", "p.d"]
    found = import_all(make_tree(tmp_path, files), names)
    outcomes = [found[name][0] for name in names]
    assert outcomes == ["imported", "died", "ValueError", "elsewhere", "imported", "SystemExit"]
    assert found["p"][1] != found["p.c"][1]
