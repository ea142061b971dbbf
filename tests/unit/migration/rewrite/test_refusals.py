"""What is left as it is, and why."""

import pytest

from strata.migration.imports import analyse
from strata.migration.project import BadSource
from strata.migration.rewrite import STRATEGIES, live_names, rewrite_file
from tests.support.trees import make_tree

P = {"p/__init__.py": "", "p/b.py": ""}


def rewritten(folder, files, path, strategy="relative_preferred", roots=()):
    project = analyse(make_tree(folder, files), roots, workers=1)
    data = (folder / path).read_bytes()
    done = rewrite_file(data, project.files[path], live_names(project)[path], project.modules, STRATEGIES[strategy])
    assert (done.data == data) == (not done.converted)
    return done


def codes(done):
    return [str(refusal.code) for refusal in done.refusals]


@pytest.mark.parametrize("name", ["__package__", "__name__", "__spec__", "__import__"])
def test_a_file_that_sets_what_imports_count_from(tmp_path, name):
    done = rewritten(tmp_path, P | {"p/a.py": f"{name} = f()\nfrom p.b import x\n"}, "p/a.py")
    assert codes(done) == ["rebound"]
    assert done.refusals[0].line == 2


@pytest.mark.parametrize("text", [
    "if x:\n    __package__: str = 'q'\n",
    "def f():\n    global __package__\n    __package__ = 'q'\n",
    "globals()['__package__'] = 'q'\n",
    "a, __name__ = f()\n",
    "if (__package__ := 1):\n    pass\n",
])  # fmt: skip
def test_all_ways_to_set_it(tmp_path, text):
    assert codes(rewritten(tmp_path, P | {"p/a.py": f"{text}from p.b import x\n"}, "p/a.py")) == ["rebound"]


@pytest.mark.parametrize("text", [
    "class C:\n    __name__ = 'c'\n",
    "def f():\n    __name__ = 'c'\n",
    "f.__name__ = 'c'\n",
    "print(__name__)\n",
    "x = {'__name__': __name__}\n",
])  # fmt: skip
def test_what_sets_it_for_others_only(tmp_path, text):
    assert codes(rewritten(tmp_path, P | {"p/a.py": f"{text}from p.b import x\n"}, "p/a.py")) == []


def test_a_file_that_sets_where_submodules_are_looked_up(tmp_path):
    files = P | {"p/__init__.py": "__path__ = f()\nfrom p.b import x\n"}
    assert rewritten(tmp_path, files, "p/__init__.py").data == b"__path__ = f()\nfrom .b import x\n"


def test_another_file_is_found_by_its_name(tmp_path):
    files = P | {"p/a.py": "from p.b import x\n", "p/a/__init__.py": ""}
    assert codes(rewritten(tmp_path, files, "p/a.py")) == ["shadowed"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_above_the_top_level_package(tmp_path, strategy):
    done = rewritten(tmp_path, P | {"p/a.py": "from ..b import x\n"}, "p/a.py", strategy)
    assert codes(done) == ["beyond"]
    assert (done.eligible, done.following_after) == (1, 0)


def test_relative_in_a_file_without_a_package(tmp_path):
    assert codes(rewritten(tmp_path, P | {"a.py": "from .b import x\n"}, "a.py", "absolute")) == ["no-name"]


def test_a_file_that_does_not_parse(tmp_path):
    done = rewritten(tmp_path, P | {"p/a.py": "x = 1\nfrom p.b import\n"}, "p/a.py")
    assert codes(done) == ["syntax"]
    assert done.refusals[0].line == 2


def test_only_the_statement_that_differs_stays(tmp_path):
    main = "if __name__ == '__main__':\n    from p.b import x\n"
    done = rewritten(tmp_path, P | {"p/a.py": f"from .b import y\nimport p.b\nfrom p.b import z\n{main}"}, "p/a.py")
    assert done.data.decode() == f"from .b import y\nimport p.b\nfrom .b import z\n{main.replace('p.b', '.b')}"
    assert (done.eligible, done.following_before, done.following_after, done.plain) == (3, 1, 3, 1)
    assert [(each.line, each.before, each.after) for each in done.converted] == [(3, "p.b", ".b"), (5, "p.b", ".b")]


def test_a_namespace_that_continues_elsewhere(tmp_path):
    files = {"n/a.py": "from n.b import x\nfrom n.elsewhere import y\n", "n/b.py": "from n.a import x\n"}
    assert rewritten(tmp_path, files, "n/a.py").data == b"from .b import x\nfrom n.elsewhere import y\n"


def test_other_bytes_than_those_that_were_analysed(tmp_path):
    project = analyse(make_tree(tmp_path, P | {"p/a.py": "from p.b import x\n"}), workers=1)
    facts, names = project.files["p/a.py"], live_names(project)["p/a.py"]
    with pytest.raises(BadSource, match="changed since"):
        rewrite_file(b"from p.b import y\n", facts, names, project.modules, STRATEGIES["relative_preferred"])


@pytest.mark.parametrize("data", [
    b"\xef\xbb\xbffrom p.b import x\r\ny = '\xc3\xa9'\r\n",
    b"# coding: latin-1\nfrom p.b import x; y = '\xe9'",
    b"# -*- coding: cp1252 -*-\rfrom p.b import x\ry = '\x80'\r",
    b"if 1:\n\ty = '\xc3\xa9'; from p.b import (x, # \xc3\xa9\n z)\f\n",
])  # fmt: skip
def test_encoding_mark_and_line_ends_stay(tmp_path, data):
    done = rewritten(tmp_path, P | {"p/a.py": data}, "p/a.py")
    assert done.data == data.replace(b"p.b", b".b")
