"""Traps in what a statement binds, loads and does, whatever name its file runs as."""

import pytest

from tests.support import naive
from tests.support.traps import Trap, check

P = {"p/__init__.py": "", "p/b.py": "x = 1\n"}
IMPORT = ("-c", "import p.a")

TRAPS = [
    Trap(
        1,
        "a dotted import binds the top-level name",
        {"p/__init__.py": "", "p/b/__init__.py": "", "p/b/c.py": "x = 1\n", "p/a.py": "import p.b.c\nprint(p.b.c.x)\n"},
        IMPORT,
        naive.relative,
    ),
    Trap(
        2,
        "an attribute of the package hides a submodule",
        {
            "p/__init__.py": "from p.tool import tool\n",
            "p/tool.py": "def tool(): pass\ndef other(): return 1\n",
            "p/a.py": "from p.tool import other\nprint(other())\n",
        },
        IMPORT,
        naive.modules_only,
    ),
    Trap(
        7,
        "a patch of `p.d.f` misses a name that was imported from there",
        {
            "p/__init__.py": "",
            "p/d.py": "def f(): return 'real'\n",
            "p/a.py": "import p.d\ndef g(): return p.d.f()\n",
            "test.py": (
                "from unittest import mock\nfrom p.a import g\n"
                "with mock.patch('p.d.f', lambda: 'fake'):\n    print(g())\n"
            ),
        },
        ("test.py",),
        naive.names_only,
    ),
    Trap(
        9,
        "in a cycle the module is there before its names are",
        {
            "p/__init__.py": "",
            "p/a.py": "from p import c\ny = 1\n",
            "p/c.py": "import p.a\ndef get(): return p.a.y\n",
        },
        ("-c", "import p.a; print(p.c.get())"),
        naive.names_only,
    ),
    Trap(
        10,
        "a missing module raises ModuleNotFoundError, a missing name does not",
        {
            "p/__init__.py": "",
            "p/a.py": "try:\n    from p.fast import f\nexcept ModuleNotFoundError:\n    f = None\nprint(f)\n",
        },
        IMPORT,
        naive.modules_only,
    ),
    Trap(
        11,
        "nothing may stand above `from __future__`",
        P | {"p/a.py": "from __future__ import annotations\nfrom p.b import x\nprint(x)\n"},
        IMPORT,
        naive.sort_imports,
    ),
    Trap(
        12,
        "an annotation in a string needs its name",
        P
        | {
            "p/b.py": "class T: pass\n",
            "p/a.py": "import typing\nfrom p.b import T\ndef f(t: 'T'): ...\nprint(typing.get_type_hints(f))\n",
        },
        IMPORT,
        naive.drop_unused,
    ),
    Trap(
        17,
        "a module beside that has a standard-library module's name",
        {"p/__init__.py": "", "p/os.py": "mine = 1\n", "p/a.py": "from . import os\nprint(os.mine)\n"},
        IMPORT,
        naive.absolute,
    ),
    Trap(
        19,
        "semicolons and joined lines",
        P | {"p/a.py": "y = 1; from p.b \\\n    import x; z = 2\nprint(x, y, z)\n"},
        IMPORT,
        naive.relative,
    ),
    Trap(
        21,
        "`import p.b as b` does not export the name again, `from p import b as b` does",
        P | {"p/__init__.py": "from p import b as b\n"},
        ("-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", "--select", "F401", "p"),
        naive.module_aliases,
    ),
    Trap(
        22,
        "modules run in the order in which they are imported",
        {
            "p/__init__.py": "",
            "p/state.py": "seen = []\n",
            "p/z.py": "from p.state import seen\nseen.append('z')\n",
            "p/b.py": "from p.state import seen\nx = list(seen)\n",
            "p/a.py": "from p.z import seen\nfrom p.b import x\nprint(x)\n",
        },
        IMPORT,
        naive.sort_imports,
    ),
    Trap(
        24,
        "a star takes what `__all__` says",
        P | {"p/b.py": "_y = 2\nx = 1\n__all__ = ['_y', 'x']\n", "p/a.py": "from p.b import *\nprint(_y)\n"},
        IMPORT,
        naive.expand_stars,
    ),
    Trap(
        26,
        "imports for the type checker do not run",
        {
            "p/__init__.py": "",
            "p/a.py": (
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.c import C\nclass A: pass\nprint(A)\n"
            ),
            "p/c.py": "from p.a import A\nclass C(A): pass\n",
        },
        IMPORT,
        naive.hoist,
    ),
]


@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_trap(trap, tmp_path):
    check(trap, tmp_path)
