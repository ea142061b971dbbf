"""Files made to harm: each gets a clear message, and the others are read."""

import os
import re
from pathlib import Path

import pytest

from strata.migration.imports import Origin, analyse, broken_imports, scan
from tests.support.trees import make_tree

DEEP = 100_000
FILES = {
    "parentheses": ("(" * DEEP, "syntax", "too many nested parentheses"),
    "balanced": ("(" * DEEP + ")" * DEEP, "syntax", "too many nested parentheses"),
    "braces": ("x = " + "{" * 150 + ":" * 150, "syntax", ""),
    "attributes": ("a" + ".a" * DEEP, "syntax", "deep"),
    "operators": ("x = " + "-" * DEEP + "1", "syntax", "deep|overflow|complex"),
    "sum": ("x = " + "1+" * DEEP + "1", "syntax", "deep"),
    "elifs": ("if a: pass\n" + "elif a: pass\n" * 20_000, "syntax", "deep"),
    "indents": ("".join(" " * n + "if a:\n" for n in range(200)) + " " * 200 + "pass", "syntax", "indent"),
    "lambdas": ("x = " + "lambda:" * DEEP + "1", "syntax", "deep|overflow"),
    "null": (b"import os\0\n", "syntax", "null bytes"),
    "bytes": (b"import os\n\xff\n", "encoding", "utf-8"),
    "wrong cookie": (b"# coding: utf-8\nx = '\xe9'\n", "encoding", "utf-8"),
    "no cookie": (b"# coding: klingon\n", "encoding", "klingon"),
    "rot13": (b"# coding: rot13\nvzcbeg bf\n", "encoding", "rot13"),
    "utf-7": (b"# coding: utf-7\nx = '+2AA-'\n", "encoding", "surrogate|utf-7"),
    "utf-16": ("import os\n".encode("utf-16"), "encoding", ""),
    "two": (b"\xef\xbb\xbf# coding: latin-1\n", "encoding", "BOM|utf-8"),
    "python 2": (b"print 'x'\n", "syntax", r"line 1"),
    "merge": (b"<<<<<<< HEAD\n", "syntax", r"line 1"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_has_a_problem_that_says_why(name: str) -> None:
    text, code, message = FILES[name]
    facts = scan("x.py", text.encode() if isinstance(text, str) else text)
    assert facts.problem is not None
    assert facts.problem.code == code
    assert re.search(message, facts.problem.message), facts.problem.message
    assert facts.statements == ()
    assert len(facts.problem.message) < 500


def test_what_is_deep_but_parses_is_read() -> None:
    elifs = "if a: import m0\n" + "".join(f"elif a: import m{n}\n" for n in range(1, 900))
    facts = scan("x.py", elifs.encode())
    assert facts.problem is None
    assert [each.names[0][0] for each in facts.statements] == [f"m{n}" for n in range(900)]
    calls = "import_module(" + "f(" * 150 + "'p.x'" + ")" * 151 + "\n" + "patch(a" + ".b" * 900 + ", 'p.y')\n"
    assert [each.value for each in scan("x.py", calls.encode()).strings] == ["p.x"]


def test_names_without_end(tmp_path: Path) -> None:
    long = ".a" * 10_000
    make_tree(tmp_path, {"p/__init__.py": f"import p{long}\nfrom {'.' * 10_000} import x\nfrom .{long} import y\n"})
    broken = [(each.statement.line, each.origin) for each in broken_imports(analyse(tmp_path))]
    assert broken == [(1, Origin.MISSING), (2, Origin.BEYOND), (3, Origin.BEYOND)]


def test_statements_that_the_bytes_do_not_spell() -> None:
    facts = scan("x.py", b"# coding: utf-7\n+AGkAbQBwAG8AcgB0- os\n")
    assert [each.written for each in facts.statements] == ["import os"]


def test_a_tree_of_them(tmp_path: Path) -> None:
    make_tree(tmp_path, {f"{name.replace(' ', '_')}.py": text for name, (text, _, _) in FILES.items()})
    make_tree(tmp_path, {"p/__init__.py": "from . import a\n", "p/a.py": "", "two\nlines.py": "import os"})
    with (tmp_path / "big.py").open("wb") as file:
        file.truncate(10 << 20)
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["/", "../.."]\n')
    found = analyse(tmp_path)
    problems = {each.path: each.code for each in found.problems}
    expected = {f"{name.replace(' ', '_')}.py": code for name, (_, code, _) in FILES.items()}
    expected |= {"two\\nlines.py": "name", "big.py": "too-large", "pipe.py": "no-file"}
    assert problems == expected | {"loop.py": "link", "loop": "link"}
    assert [each.written for each in found.files["p/__init__.py"].statements] == ["from . import a"]
    assert [root.folder for root in found.modules.roots] == [""]


def test_nothing_of_the_tree_is_run(tmp_path: Path) -> None:
    code = "open(__import__('os').path.join(__import__('os').path.dirname(__file__), 'ran'), 'w')\n"
    names = ["conftest", "setup", "sitecustomize", "json", "ast", "strata", "p/__init__", "p/__main__", "encodings"]
    make_tree(tmp_path, {f"{name}.py": code for name in names} | {f"p/m{n}.py": code for n in range(250)})
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        found = analyse(tmp_path, workers=2)
    finally:
        os.chdir(here)
    assert len(found.files) == len(names) + 250
    assert found.problems == ()
    assert not list(tmp_path.rglob("ran"))
