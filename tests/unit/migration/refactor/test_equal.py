"""The proof for files in which more changes than module names: what says the same passes, everything else is found."""

import ast

import pytest

from strata.migration.imports import How, RunName
from strata.migration.refactor.equal import first_difference

RENAMED = {"p.a.m": "p.b.n"}
NAME = RunName("p.c.here", "p.c", (), How.IMPORT)
MOVED = RunName("p.b.n", "p.b", (), How.IMPORT)


def difference(before, after, new=NAME, old=NAME):
    return first_difference(ast.parse(before), ast.parse(after), [(old, new)], RENAMED)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from p.a import x, m, y", "from p.a import x\nfrom p.b import n as m\nfrom p.a import y"),
        ("from ..a import m as k; z = 1", "from ..b import n as k\nz = 1"),
        ("from p.a.m import x as y, z", "from ..b.n import x as y, z"),
        ("import p.a.m\nf(p.a.m.x)", "import p.b.n\nf(p.b.n.x)"),
        ("import p.a.m as q", "import p.b.n as q"),
        ("patch('p.a.m.x')", "patch('p.b.n.x')"),
        ("'p.a.m'\nx = {**y, 'p.a.mm': 1}", "'p.a.m'\nx = {**y, 'p.a.mm': 1}"),
        (
            "if x:\n    from p.a import m, o\nelse:\n    pass",
            "if x: from p.b import n as m; from p.a import o\nelse: pass",
        ),
    ],
)
def test_what_says_the_same_passes(before, after):
    assert difference(before, after) is None


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("from p.a import x, m", "from p.b import n as m\nfrom p.a import x", 1),  # another order
        ("from p.a import m", "from p.b import n", 1),  # another name is bound
        ("from p.a import m", "from p.b import m", 1),
        ("from p.a import m", "from p.a import m", 1),  # not rewritten
        ("x = 1\nfrom p.a.m import x", "x = 1\nfrom p.b.n import y", 2),
        ("from p.a import o", "from p.b import o", 1),  # did not move
        ("import p.a.m\nf(p.a.m.x)", "import p.b.n\nf(p.a.m.x)", 2),  # a use is left
        ("import p.a.m\nf(p.a.o)", "import p.b.n\nf(p.b.o)", 2),
        ("f(p.a.m.x)", "f(p.b.n.x)", 1),  # nothing says that this is the module
        ("import p.a.m as q", "import p.b.n", 1),
        ("f('p.a.mm')", "f('p.b.nm')", 1),
        ("f('q.p.a.m')", "f('q.p.b.n')", 1),
        ("x = 1", "x = 2", 1),
        ("if x:\n    from p.a import m", "from p.b import n as m\nif x:\n    pass", 1),
        ("from p.a import m\nx = 1", "x = 1\nfrom p.b import n as m", 1),
        ("f(1)\ng(2)", "f(1)", 2),
        ("def f(): pass", "async def f(): pass", 1),
    ],
)
def test_what_says_something_else_is_found(before, after, line):
    assert difference(before, after) == line


def test_a_file_that_moves_counts_its_relative_imports_from_the_new_place():
    old = RunName("p.a.m", "p.a", (), How.IMPORT)
    assert difference("from .o import x\nfrom . import y", "from ..a.o import x\nfrom ..a import y", MOVED, old) is None
    assert difference("from .o import x", "from .o import x", MOVED, old) == 1
