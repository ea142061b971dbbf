"""What a proof lets pass, and what it does not."""

import pytest

from strata.migration.imports import analyse
from strata.migration.rewrite import Refusal, live_names
from strata.migration.verify import Proof, prove
from tests.support.trees import make_tree

P = {"p/__init__.py": "", "p/b.py": "", "p/old.py": "", "p/s/__init__.py": ""}
MAIN = "if __name__ == '__main__':\n"
TEXT = """\
import p.b, p.old as o
from p.b import x  # why
from p.old import (y,
    z as w)
def f():
    if x:
        from p import b, old
    return 1, 'p.old.f'
"""


def proof(folder, before, after, renamed=None, path="p/a.py", roots=()):
    before = before.encode() if isinstance(before, str) else before
    after = after.encode() if isinstance(after, str) else after
    project = analyse(make_tree(folder, P | {path: before}), roots, workers=1)
    return prove(
        before, after, project.files[path], live_names(project)[path], project.modules, renamed=renamed or {}
    )  # fmt: skip


def test_what_was_proved_is_said(tmp_path):
    found = proof(tmp_path, TEXT, TEXT.replace("from p.b", "from .b").replace("from p import", "from . import"))
    assert isinstance(found, Proof)
    assert (found.names, found.statements, found.changed) == (("import p.a",), 4, 2)


def test_a_statement_that_becomes_like_another_counts_as_changed(tmp_path):
    found = proof(tmp_path, "from .b import x\nfrom p.b import x\n", "from .b import x\nfrom .b import x\n")
    assert isinstance(found, Proof)
    assert found.changed == 1


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("from p.b import x", "from p.old import x", 2),
        ("from p.b import x", "from ..b import x", 2),
        ("from p.b import x", "from .b import y as x", 2),
        ("from p.b import x", "from .b import x as x", 2),
        ("import p.b,", "import p.s,", 1),
        ("  # why", "  # how", 2),
        ("  # why", " # why", 2),
        ("from p.b import x  # why\n", "from .b import x  # why\n\n", 3),
        ("(y,\n    z as w)", "y, z as w", 3),
        ("if x:", "while x:", 6),
        ("return 1", "return 2", 8),
        ("return 1", "return True", 8),
        ("'p.old.f'", '"p.old.f"', 8),
        ("from p.b import x  # why\n", "", None),
        ("import p.b, p.old as o\nfrom p.b import x  # why\n", "from p.b import x  # why\nimport p.b, p.old as o\n", 1),
    ],
)
def test_anything_else_is_refused(tmp_path, old, new, line):
    assert old in TEXT
    found = proof(tmp_path, TEXT, TEXT.replace(old, new))
    assert isinstance(found, Refusal), found
    assert found.code == "not-equal"
    assert line is None or found.line == line


def test_a_statement_moved_out_of_its_guard_is_refused(tmp_path):
    before = "try:\n    pass\nfinally:\n    from p.b import x\n"
    after = "try:\n    from p.b import x\nfinally:\n    pass\n"
    assert isinstance(proof(tmp_path, before, after), Refusal)


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("from p.b import x\n", "from .b import\n", "syntax"),
        ("from p.b import x\n", "from .b import x\r\n", "not-equal"),
        ("from p.b import x\n", b"\xef\xbb\xbffrom .b import x\n", "not-equal"),
        ("__package__ = ''\nfrom p.b import x\n", "__package__ = ''\nfrom .b import x\n", "rebound"),
        (f"{MAIN}    from p.b import x\n", f"{MAIN}    from .b import x\n", "not-equal"),
    ],
)
def test_refusals_have_a_code(tmp_path, before, after, code):
    found = proof(tmp_path, before, after)
    assert isinstance(found, Refusal)
    assert found.code == code


def test_the_bytes_must_be_those_that_the_facts_are_of(tmp_path):
    project = analyse(make_tree(tmp_path, P | {"p/a.py": "from p.b import x\n"}), workers=1)
    facts, names = project.files["p/a.py"], live_names(project)["p/a.py"]
    found = prove(b"from p.b import y\n", b"from .b import y\n", facts, names, project.modules)
    assert isinstance(found, Refusal)
    assert found.code == "stale"


def test_without_a_name_nothing_can_be_proved(tmp_path):
    found = proof(tmp_path, "from .b import x\n", "from p.b import x\n", path="my-tools/a.py")
    assert isinstance(found, Refusal)
    assert found.code == "no-name"


RENAMED = {"p.old": "p.s.new", "p.s": "p.t"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from p.old import x\n", "from p.s.new import x\n"),
        ("from .old import x\n", "from .s.new import x\n"),
        ("from p import old\n", "from p.s import new as old\n"),
        ("from p import b, old  # why\n", "from p import b  # why\nfrom p.s import new as old\n"),
        ("def f():\n    from . import old, b\n", "def f():\n    from .s import new as old; from . import b\n"),
        ("from p import (  # why\n    b,\n    old,\n)\n", "from p import b  # why\nfrom p.s import new as old\n"),
        ("import p.old as o\n", "import p.s.new as o\n"),
        ("import p.old\n", "import p.old\n"),
        ("from p.old import x\npatch('p.old.f')\n", "from p.s.new import x\npatch('p.s.new.f')\n"),
    ],
)
def test_a_module_that_moves_is_asked_for_by_its_new_name(tmp_path, before, after):
    assert isinstance(proof(tmp_path, before, after, RENAMED), Proof)
    if before != after:
        assert isinstance(proof(tmp_path, before, before, RENAMED), Refusal)
        assert isinstance(proof(tmp_path, before, after), Refusal)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from p.old import x\n", "from p.s.new import x as y\n"),
        ("from p import b, old  # why\n", "from p import b\nfrom p.s import new as old\n"),
        ("from p import b, old\n", "from p.s import new as old\nfrom p import b\n"),
        ("from p import old\nx = 1\n", "from p.s import new as old\nx = 2\n"),
        ("from p import old\nx = 1\n", "x = 1\nfrom p.s import new as old\n"),
        ("from p import b, old\n", "from p import b\nif b:\n    from p.s import new as old\n"),
        ("import p.old\n", "import p.s.new\n"),
        ("f('p.old')\n", "f('p.s.new')\n"),
        ("patch('p.old.f')\n", "patch('p.s.new.g')\n"),
    ],
)
def test_a_move_excuses_nothing_else(tmp_path, before, after):
    assert isinstance(proof(tmp_path, before, after, RENAMED), Refusal)


def test_relative_imports_of_a_file_that_moves_count_from_its_new_place(tmp_path):
    renamed = {"p.a": "p.s.a"}
    assert isinstance(proof(tmp_path, "from .b import x\n", "from ..b import x\n", renamed), Proof)
    assert isinstance(proof(tmp_path, "from .b import x\n", "from p.b import x\n", renamed), Proof)
    assert isinstance(proof(tmp_path, "from .b import x\n", "from .b import x\n", renamed), Refusal)
    assert isinstance(
        proof(tmp_path, f"{MAIN}    from .b import x\n", f"{MAIN}    from ..b import x\n", renamed), Proof
    )
