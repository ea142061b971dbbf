"""Comparing trees, against the dump of both."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.verify.trees import first_difference, first_difference_renamed
from tests.benchmarks.support.bindings import masked, parsed

TEXT = """\
from .a import b
global c, d
def f(x, *, y: int = 1, **z) -> str:
    return [x, {**z, 1: 2.0}, f'{x!r:>{y}}', True, None, 1j, b'1', ...]
match f:
    case {'k': [1, *_], **rest} | C(a=1, b=2): pass
class D(f, metaclass=g):
    @f
    async def h(self): await self; nonlocal_ = lambda: (yield)
"""


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("abcdxyz012 ().,*'"))
def test_trees_are_equal_where_their_dumps_are(place, character):
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    try:
        after = parsed(changed.encode())
    except SyntaxError:
        return
    before = parsed(TEXT.encode())
    line = first_difference(before, after)
    assert (line is None) == (first_difference_renamed(before, after, lambda _, value: value) is None)
    assert (line is None) == (masked(before) == masked(after))


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("x = 1\ny = 1\n", "x = 1\ny = True\n", 2),
        ("x = 1\ny = 1\n", "x = 1\ny = 1.0\n", 2),
        ("x = 1\ny = f(\n  a,\n  b)\n", "x = 1\ny = f(\n  a,\n  c)\n", 4),
        ("def f():\n    global a, b\n", "def f():\n    global a, c\n", 2),
        ("x = {**a}\n", "x = {b: a}\n", 1),
        ("if a:\n    b\n", "if a:\n    b\nc\n", 1),
        ("from a import b\n", "from a import b as b\n", 1),
        ("import a\n", "import b\n", 1),
        ("from a import b\n", "import b\n", 1),
        ("from a import b\n", "from ..c import b\n", None),
    ],
)
def test_the_line_of_a_difference(before, after, line):
    assert first_difference(parsed(before.encode()), parsed(after.encode())) == line


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("from a import b, c\n", "from a import b\nfrom d import c\n", True),
        ("from a import b, c\n", "from d import e as b\nfrom a import c\n", True),
        ("from a import b, c\n", "from a import c\nfrom a import b\n", False),
        ("import a as b\n", "import c.d as b\n", True),
        ("import a as b\n", "from c import d as b\n", False),
        ("x = 'a'\n", "x = 'b'\n", False),
        ("if x:\n    from a import b, c\n", "if x:\n    from a import b\nfrom a import c\n", False),
    ],
)
def test_with_new_names_what_is_bound_stays(before, after, same):
    trees = parsed(before.encode()), parsed(after.encode())
    assert (first_difference_renamed(*trees, lambda _, value: value) is None) == same


def test_a_string_may_be_what_is_expected_at_its_place():
    trees = parsed(b"f('a', 'a')\n"), parsed(b"f('b', 'a')\n")
    assert first_difference_renamed(*trees, lambda place, value: "b" if place == (1, 2) else value) is None
    assert first_difference_renamed(*trees, lambda place, value: "b" if place == (1, 7) else value) == 1
