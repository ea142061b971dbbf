"""The module part of a statement, against what libcst makes of the same statement."""

import ast

import libcst as cst
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.imports import parse, statements_of
from strata.migration.project import Source, splice
from strata.migration.rewrite import blanked, edit_module

GAPS = ("", " ", "  ", "\t", "\\\n", " \\\n  ", " \\\n \\\n")
ALIASES = (" x", " (x,  # why\n   y as z,\n)", "\\\n x as y, z", "(x)", " *")

gaps = st.sampled_from(GAPS)
pieces = st.builds(
    lambda dots, names, inner: inner.join([*("." * dots), inner.join(".".join(names).partition(".")) if names else ""]),
    st.integers(0, 5),
    st.lists(st.sampled_from(("p", "importer", "frommage", "é", "_x1")), max_size=3),
    gaps,
)
statements = st.builds(
    lambda before, part, after, aliases: f"from{before}{part}{after}import{aliases}",
    gaps, pieces, gaps, st.sampled_from(ALIASES),
)  # fmt: skip


def is_import(text: str) -> bool:
    try:
        return isinstance(ast.parse(text).body[0], ast.ImportFrom)
    except SyntaxError:
        return False


@given(statements.filter(is_import), st.sampled_from(("p", ".", "..", ".a.b", "p.q")))
def test_only_the_module_part_changes_as_libcst_reads_it(text, written):
    source = Source(text, "utf-8")
    (found,) = statements_of(parse(text.encode()))
    after = splice(text, [edit_module(source, found, written)])
    (now,) = statements_of(parse(after.encode()))
    assert "." * (now.level or 0) + now.module == written
    assert without_module(after) == without_module(text)
    assert blanked(source, [found]) == blanked(Source(after, "utf-8"), [now])


def without_module(text: str) -> str:
    statement = cst.parse_statement(text).body[0]
    blank = cst.SimpleWhitespace(" ")
    changes = {
        "relative": (),
        "module": cst.Name("m"),
        "whitespace_after_from": blank,
        "whitespace_before_import": blank,
    }
    return cst.Module([cst.SimpleStatementLine([statement.with_changes(**changes)])]).code


@pytest.mark.parametrize(
    ("text", "written", "after"),
    [
        ("from .import x", "p", "from p import x"),
        ("from.a import x", "p.a", "from p.a import x"),
        ("from . . a import b", "p.a", "from p.a import b"),
        ("from p.a import(x)", ".a", "from .a import(x)"),
        ("from p \\\n  import x", ".", "from . \\\n  import x"),
        ("from\\\np import x", ".", "from\\\n. import x"),
        ("from .importer.import_ import x", "q", "from q import x"),
    ],
)
def test_blanks_stay_as_they_are(text, written, after):
    source = Source(text, "utf-8")
    (found,) = statements_of(parse(text.encode()))
    assert splice(text, [edit_module(source, found, written)]) == after
