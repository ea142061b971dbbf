"""Any tiny project: what its files ask for stays, and rewriting it again changes nothing."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from strata.migration.imports import analyse
from strata.migration.rewrite import STRATEGIES, Refusal, live_names, rewrite_file
from strata.migration.verify import prove
from tests.benchmarks.support.bindings import bindings, masked, outside, parsed
from tests.support.trees import make_tree

PATHS = (
    "p/__init__.py", "p/a.py", "p/s/__init__.py", "p/s/c.py", "p/s/t/__init__.py", "p/s/t/e.py", "p/n/d.py",
    "p/test_a.py", "q/__init__.py", "q/__main__.py", "my-tools/f.py", "top.py", "src/r/__init__.py", "src/r/g.py",
)  # fmt: skip
MODULES = ("p", "p.a", "p.s", "p.s.c", "p.s.t.e", "p.n.d", "p.missing", "pq", "q", "r", "r.g", "src.r", "os", "top")
AROUND = (
    "{}\n",
    "if True:\n    {}\n",
    "try:\n    {}\nexcept ImportError:\n    pass\n",
    "def f():\n    {}; x = 'é'  # said\n",
    "if __name__ == '__main__':\n    {}\n",
    "class C:\n    {}\n",
)
TAILS = ("", "if __name__ == '__main__':\n    pass\n", "__package__ = 'p'\n")
ODD = (("from {} import x, y as z", 6), ("from  {}  import (x,  # why\n    y)", 1), ("from {} \\\n  import x", 1))

names = st.one_of(
    st.sampled_from(MODULES),
    st.tuples(st.integers(1, 5), st.sampled_from(("", "a", "s", "s.c", "c", "d"))).map(
        lambda got: "." * got[0] + got[1]
    ),
)
plain = st.sampled_from([f"import {name}" for name in MODULES])
statements = st.one_of(
    plain, *(st.builds(str.format, st.just(form), names) for form, weight in ODD for _ in range(weight))
)
bodies = st.builds(str.format, st.sampled_from(AROUND), statements)
texts = st.builds(lambda found, tail: "".join(found) + tail, st.lists(bodies, max_size=4), st.sampled_from(TAILS))
ends = st.sampled_from(("\n", "\r\n", "\r"))
codings = st.sampled_from(("utf-8", "utf-8-sig", "latin-1"))


def encoded(text: str, end: str, coding: str) -> bytes:
    first = "# coding: latin-1\n" if coding == "latin-1" else ""
    return (first + text).replace("\n", end).encode(coding)


projects = st.dictionaries(st.sampled_from(PATHS), st.builds(encoded, texts, ends, codings), min_size=3)


def rewrite_all(folder: Path, strategy: str, live=None):
    """The live names, and each file's bytes before and after; written too."""
    project = analyse(folder, workers=1)
    live = live or live_names(project)
    found = {}
    for path, facts in project.files.items():
        data = (folder / path).read_bytes()
        after = rewrite_file(data, facts, live[path], project.modules, STRATEGIES[strategy]).data
        found[path] = data, after
        if data != after:
            assert not isinstance(prove(data, after, facts, live[path], project.modules), Refusal)
            (folder / path).write_bytes(after)
    return live, found


@settings(max_examples=60, deadline=None)
@given(projects, st.sampled_from(sorted(STRATEGIES)))
def test_files_ask_for_the_same_and_a_second_run_changes_nothing(files, strategy):
    with tempfile.TemporaryDirectory() as folder:
        live, found = rewrite_all(make_tree(Path(folder), files), strategy)
        for path, (before, after) in found.items():
            if before == after:
                continue
            old, new = parsed(before), parsed(after)
            for name in live[path]:
                assert list(bindings(old, name.package)) == list(bindings(new, name.package))
            assert outside(before, old) == outside(after, new)
            assert masked(old) == masked(new)
        _, again = rewrite_all(Path(folder), strategy)
        assert all(before == after for before, after in again.values())


@settings(max_examples=60, deadline=None)
@given(projects)
def test_relative_after_absolute_is_relative_at_once(files):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        live, at_once = rewrite_all(make_tree(Path(one), files), "relative_preferred")
        rewrite_all(make_tree(Path(other), files), "absolute", live)
        _, after_all = rewrite_all(Path(other), "relative_preferred", live)
        assert {path: after for path, (_, after) in after_all.items()} == {
            path: after for path, (_, after) in at_once.items()
        }
