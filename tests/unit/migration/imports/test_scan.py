"""Import statements of one file, against a plain walk of the whole syntax tree."""

import ast
import hashlib
import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.imports import FileFacts, Guard, Statement, scan


def walked(data: bytes) -> list[tuple]:
    """Every import that `ast.walk` finds, by place."""
    nodes = [node for node in ast.walk(ast.parse(data)) if isinstance(node, ast.Import | ast.ImportFrom)]
    return sorted(
        (
            (node.lineno, node.col_offset),
            (node.end_lineno, node.end_col_offset),
            node.level if isinstance(node, ast.ImportFrom) else None,
            node.module or "" if isinstance(node, ast.ImportFrom) else "",
            tuple((alias.name, alias.asname) for alias in node.names),
        )
        for node in nodes
    )


def told(facts: FileFacts) -> list[tuple]:
    return [(each.start, each.end, each.level, each.module, each.names) for each in facts.statements]


@pytest.mark.parametrize("package", ["networkx", "mergekit", "libcst"])
def test_equal_to_a_walk_on_real_files(package: str) -> None:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    files = sorted(Path(found.origin).parent.rglob("*.py"))[::8]
    assert len(files) > 10
    for file in files:
        data = file.read_bytes()
        assert told(scan("x.py", data)) == walked(data)


IMPORT = st.sampled_from(["import a.b", "from . import c as d", "from .e import (f,\n  g)", "x = 1; import h; y = 2"])
HEADS = st.sampled_from(
    [
        "if x:", "if TYPE_CHECKING:", "while x:", "for i in x:", "with x:", "with suppress(E):", "def f():", "class C:",
        "async def g():", "match x:\n case 1:", "try:", "if 1:\n pass\nelif x:", "if 1:\n pass\nelse:",
        "for i in x:\n pass\nelse:", "try:\n pass\nexcept E:", "try:\n pass\nexcept* E:", "try:\n pass\nfinally:",
        "try:\n pass\nexcept E:\n pass\nelse:",
    ]
)  # fmt: skip


def nested(block: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def indented(text: str, by: int) -> str:
        return "\n".join(" " * by + line for line in text.split("\n"))

    def around(head: str, body: str) -> str:
        tail = "\nfinally:\n pass" if head == "try:" else ""
        return f"{head}\n{indented(body, 2)}{tail}"

    return st.one_of(st.builds(around, HEADS, block), st.lists(block, min_size=1, max_size=3).map("\n".join))


@given(st.recursive(IMPORT, nested, max_leaves=8), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_equal_to_a_walk_wherever_statements_stand(text: str, end: str, coded: bool) -> None:
    data = (("# coding: latin-1\n" if coded else "") + text + "\n").replace("\n", end).encode()
    assert told(scan("x.py", data)) == walked(data)


def statement(text: str) -> Statement:
    facts = scan("x.py", text.encode())
    assert facts.problem is None
    (found,) = (each for each in facts.statements if each.names == (("m", None),))
    return found


@pytest.mark.parametrize(
    ("text", "scope", "guard"),
    [
        ("import m", "", Guard.NONE),
        ("class A:\n class B:\n  import m", "A.B", Guard.NONE),
        ("def f():\n import m", "f", Guard.FUNCTION),
        ("class A:\n async def f(self):\n  import m", "A.f", Guard.FUNCTION),
        ("try:\n import m\nexcept E: pass", "", Guard.TRY),
        ("try:\n import m\nfinally: pass", "", Guard.NONE),
        ("try:\n pass\nexcept E:\n import m", "", Guard.HANDLER),
        ("try:\n pass\nexcept* E:\n import m", "", Guard.HANDLER),
        ("try:\n pass\nexcept E:\n pass\nelse:\n import m", "", Guard.CONDITIONAL),
        ("try:\n pass\nexcept E:\n pass\nfinally:\n import m", "", Guard.NONE),
        ("with contextlib.suppress(ImportError):\n import m", "", Guard.TRY),
        ("with suppress(ImportError), x:\n import m", "", Guard.TRY),
        ("with open(x):\n import m", "", Guard.NONE),
        ("if TYPE_CHECKING:\n import m", "", Guard.TYPE_CHECKING),
        ("if typing.TYPE_CHECKING:\n import m", "", Guard.TYPE_CHECKING),
        ("if TYPE_CHECKING:\n pass\nelse:\n import m", "", Guard.CONDITIONAL),
        ("if not TYPE_CHECKING:\n import m", "", Guard.CONDITIONAL),
        ("if x:\n pass\nelif y:\n import m", "", Guard.CONDITIONAL),
        ("for i in x:\n import m", "", Guard.CONDITIONAL),
        ("match x:\n case 1:\n  import m", "", Guard.CONDITIONAL),
        ("def f():\n try:\n  import m\n except E: pass", "f", Guard.FUNCTION | Guard.TRY),
        ("if TYPE_CHECKING:\n def f():\n  import m", "f", Guard.TYPE_CHECKING | Guard.FUNCTION),
    ],
)
def test_scope_and_guard(text: str, scope: str, guard: Guard) -> None:
    found = statement(text)
    assert (found.scope, found.guard) == (scope, guard)


@pytest.mark.parametrize(
    ("text", "main"),
    [
        ("if __name__ == '__main__': pass", True),
        ("if '__main__' == __name__: pass", True),
        ("if __name__ == '__main__' and x: pass", True),
        ("try:\n if __name__ == '__main__': pass\nfinally: pass", True),
        ("if __name__ != '__main__': pass", False),
        ("x = '__main__'", False),
        ("def f():\n if __name__ == '__main__': pass", False),
        ("if x:\n pass\nelif __name__ == '__main__':\n pass", True),
    ],
)
def test_main_guard(text: str, main: bool) -> None:
    assert scan("x.py", text.encode()).main is main


@pytest.mark.parametrize(
    ("text", "rebinds"),
    [
        ("__package__ = 'p'", ("__package__",)),
        ("if 1:\n __package__: str = 'p'", ("__package__",)),
        ("__path__ = extend_path(__path__, __name__)", ("__path__",)),
        ("a, __spec__ = 1, None", ("__spec__",)),
        ("__name__ = 'x'", ("__name__",)),
        ("globals()['__package__'] = 'p'", ("__package__",)),
        ("globals()['__name__'] = 'p'", ("__name__",)),
        ("builtins.__import__ = f", ("__import__",)),
        ("print(__package__, __spec__, __path__)", ()),
        ("if __name__ == '__main__': pass", ()),
        ("f.__name__ = 'x'", ()),
        ("x = __import__('y')", ()),
    ],
)
def test_names_that_the_import_system_reads(text: str, rebinds: tuple[str, ...]) -> None:
    assert scan("x.py", text.encode()).rebinds == rebinds


def test_shebang_and_digest() -> None:
    facts = scan("x.py", b"#!/usr/bin/env python\n")
    assert facts.shebang
    assert facts.digest == hashlib.sha256(b"#!/usr/bin/env python\n").hexdigest()
    assert not scan("x.py", b"x = 1 #!").shebang


def test_a_statement_in_short() -> None:
    facts = scan("x.py", b"import a as b, c\nfrom ..d import (e,\n f as g)\n")
    assert [each.written for each in facts.statements] == ["import a as b, c", "from ..d import e, f as g"]
    assert [each.line for each in facts.statements] == [1, 2]
