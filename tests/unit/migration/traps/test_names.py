"""Traps in the name that a file runs as."""

import pytest

from tests.support import naive
from tests.support.traps import Trap, check

P = {"p/__init__.py": "", "p/b.py": "x = 1\n"}
MAIN = "if __name__ == '__main__':\n    print(x)\n"

TRAPS = [
    Trap(
        3,
        "a script that is run by its path",
        P | {"p/a.py": f"from p.b import x\n{MAIN}"},
        ("p/a.py",),
        naive.relative,
        frozenset({"script"}),
    ),
    Trap(
        4,
        "above the top-level package there is nothing",
        P | {"q/__init__.py": "", "q/a.py": "from p.b import x\nprint(x)\n"},
        ("-c", "import q.a"),
        naive.relative,
    ),
    Trap(
        5,
        "doctest imports a file by its path",
        P | {"p/a.py": '"""\n>>> x\n1\n"""\nfrom p.b import x\n', "Makefile": "test:\n\tpython -m doctest p/a.py\n"},
        ("-m", "doctest", "p/a.py"),
        naive.relative,
        frozenset({"loaded-by-path"}),
    ),
    Trap(
        6,
        "the same module under two roots is two modules",
        {
            "src/p/__init__.py": "",
            "src/p/m.py": "class M: pass\n",
            "src/p/a.py": "from p.m import M\n",
            "use.py": "import src.p.a\nimport p.m\nprint(src.p.a.M is p.m.M)\n",
        },
        ("use.py",),
        lambda files: {path: text.replace("from p.m", "from .m") for path, text in files.items()},
        frozenset({"two-names"}),
        path=("", "src"),
    ),
    Trap(
        8,
        "under a wrong root a package has the name of one of the standard library",
        {
            "p/__init__.py": "",
            "p/json/__init__.py": "",
            "p/json/b.py": "x = 1\n",
            "p/json/a.py": "from .b import x\nprint(x)\n",
        },
        ("-c", "import p.json.a"),
        lambda files: naive.absolute(files, "p"),
        frozenset({"stdlib-name"}),
        roots=("p",),
    ),
    Trap(
        13,
        "in `__init__.py` one dot is the package itself",
        {"p/__init__.py": "", "p/s/__init__.py": "from p.s.c import x\nprint(x)\n", "p/s/c.py": "x = 1\n"},
        ("-c", "import p.s"),
        naive.relative,
    ),
    Trap(
        14,
        "a file that is loaded by its place",
        P
        | {
            "p/plugin.py": "from p.b import x\nprint(x)\n",
            "load.py": (
                "from importlib.util import module_from_spec, spec_from_file_location\n"
                "from pathlib import Path\n"
                "spec = spec_from_file_location('plugin', Path('p') / 'plugin.py')\n"
                "spec.loader.exec_module(module_from_spec(spec))\n"
            ),
        },
        ("load.py",),
        naive.relative,
        frozenset({"loaded-by-path"}),
    ),
    Trap(
        15,
        "a file that is run by its place",
        P | {"p/job.py": "from p.b import x\nprint(x)\n", "run.py": "import runpy\nrunpy.run_path('p/job.py')\n"},
        ("run.py",),
        naive.relative,
        frozenset({"loaded-by-path"}),
    ),
    Trap(
        16,
        "run by `-m`, a module and its import of itself are two",
        {
            "p/__init__.py": "",
            "p/a.py": (
                "class Thing: pass\nfrom p.a import Thing as Imported\n"
                "if __name__ == '__main__':\n    import p.a\n    print(Imported is p.a.Thing, Imported is Thing)\n"
            ),
        },
        ("-m", "p.a"),
        naive.drop_self_imports,
        frozenset({"script"}),
    ),
    Trap(
        18,
        "a script's folder hides a package",
        {
            "p/__init__.py": "where = 'package'\n",
            "tools/__init__.py": "",
            "tools/p.py": "where = 'beside'\n",
            "tools/run.py": "from p import where\nif __name__ == '__main__':\n    print(where)\n",
        },
        ("tools/run.py",),
        naive.siblings_relative,
    ),
    Trap(
        20,
        "a folder's name with a hyphen cannot be written in a statement",
        {
            "plug-ins/__init__.py": "",
            "plug-ins/b.py": "x = 1\n",
            "plug-ins/a.py": "from .b import x\nprint(x)\n",
            "load.py": "from importlib import import_module\nimport_module('plug-ins.a')\n",
        },
        ("load.py",),
        naive.absolute,
        frozenset({"no-name"}),
    ),
    Trap(
        23,
        "an import that is meant to fail in one of two modes",
        P
        | {
            "p/b.py": "class C: pass\n",
            "p/a.py": "try:\n    from .b import C\nexcept ImportError:\n    from b import C\nprint(C)\n",
        },
        ("p/a.py",),
        naive.absolute,
        frozenset({"dual-mode"}),
    ),
    Trap(
        25,
        "pytest gives tests without `__init__.py` no package",
        {"tests/helper.py": "x = 1\n", "tests/test_a.py": "from tests.helper import x\ndef test(): assert x\n"},
        ("-c", "import pytest, sys; sys.exit(pytest.main(['-qq', '-p', 'no:cacheprovider', 'tests']))"),
        naive.relative,
        frozenset({"pytest"}),
    ),
]


@pytest.mark.parametrize("trap", TRAPS, ids=str)
def test_trap(trap, tmp_path):
    check(trap, tmp_path)
