"""Rules on small projects, compliance, what the baseline and comments do, and fingerprints that survive moved lines."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.check import (
    RULES,
    BadBaseline,
    BadConfiguration,
    Baseline,
    CheckOptions,
    State,
    Violation,
    check,
    fingerprints,
    read_baseline,
    read_options,
    suppressions,
    write_baseline,
)
from strata.migration.connascence import Kind, read_code
from strata.migration.imports import analyse
from strata.migration.project import Configuration
from tests.support.trees import make_tree


def checked(folder, files, options=None, baseline=None, judged=None):
    code = read_code(analyse(make_tree(folder, files), workers=1), workers=1)
    return check(code, options or CheckOptions(), baseline, judged)


def places(result, rule):
    return [(each.violation.path, each.violation.line) for each in result.found if each.violation.rule == rule]


CASES = {
    "star-import": (
        {
            "p/__init__.py": "from .a import *\n",
            "p/a.py": "from os.path import *\nfrom os import path\n",
            "p/s/__init__.py": "from ..a import *\n",
            "p/s/c.py": "from . import *\n",
        },
        [("p/a.py", 1), ("p/s/__init__.py", 1), ("p/s/c.py", 1)],
        (5, 3),
    ),
    "private-import": (
        {
            "p/__init__.py": "",
            "p/a.py": "from p.b import _x\nfrom p.s._m import y\nfrom p.s.n import _z, w\nfrom p.s import _m\n",
            "p/b.py": "_x = 1\n",
            "p/s/__init__.py": "",
            "p/s/_m.py": "y = 1\n",
            "p/s/n.py": "from ._m import y\nfrom p.b import _x, __doc__\n_z = w = 1\n",
            "p/s/t/__init__.py": "from .._m import y\n",
            "q.py": "import p.s._m\n",
            "test_q.py": "import p.s._m\n",
        },
        [("p/a.py", 2), ("p/a.py", 3), ("p/a.py", 4), ("q.py", 1)],
        (8, 4),
    ),
    "broken-import": (
        {
            "p/__init__.py": "from .gone import x\nfrom . import a\n",
            "p/a.py": "try:\n    from .fast import f\nexcept ImportError:\n    f = None\nimport p.gone, os\n",
        },
        [("p/__init__.py", 1), ("p/a.py", 5)],
        (3, 2),
    ),
    "import-cycle": (
        {
            "p/__init__.py": "",
            "p/a.py": "from p import b\n",
            "p/b.py": "from p import c\nimport p.d\n",
            "p/c.py": "import p.a\ndef f():\n    import p.d\n",
            "p/d.py": "def f():\n    import p.a\nif __name__ == '__main__':\n    from p.b import x\n",
        },
        [("p/a.py", 1), ("p/b.py", 1), ("p/c.py", 1)],
        (4, 3),
    ),
    "connascence-identity": (
        {"m.py": "LIST = []\n", "n.py": "import m\nm.LIST.append(1)\nprint(m.LIST)\n"},
        [("n.py", 2)],
        (2, 1),
    ),
}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_its_violations_and_compliance_counts_sites(tmp_path, rule):
    files, expected, (eligible, violating) = CASES[rule]
    result = checked(tmp_path, files)
    assert places(result, rule) == expected
    compliance = result.compliance[rule]
    assert (compliance.eligible, compliance.violating) == (eligible, violating)
    assert compliance.share == 1 - violating / eligible


STYLE = {
    "p/__init__.py": "",
    "p/a.py": "from p.b import x\nfrom .b import y\nfrom os import path\n",
    "p/b.py": "x = y = 1\n",
    "p/run.py": "from p.b import x\nif __name__ == '__main__':\n    print(x)\n",
}


def test_style_follows_the_strategy_and_excuses_what_cannot_be_rewritten(tmp_path):
    result = checked(tmp_path, STYLE, CheckOptions(strategy="relative_preferred"))
    states = {(each.violation.path, each.violation.line): each.state for each in result.found}
    assert states == {("p/a.py", 1): State.NEW, ("p/run.py", 1): State.EXCUSED}
    assert (result.compliance["import-style"].eligible, result.compliance["import-style"].violating) == (3, 2)
    assert "from .b import" in result.new[0].violation.message
    assert places(checked(tmp_path, STYLE, CheckOptions(strategy="absolute")), "import-style") == [("p/a.py", 2)]
    assert places(checked(tmp_path, STYLE), "import-style") == []


def test_weak_connascence_counts_across_packages_and_above_its_limit(tmp_path):
    files = {
        "p/__init__.py": "",
        "p/m.py": "def f(a, b, c, d, e): ...\n",
        "p/n.py": "from .m import f\nf(1, 2, 3, 4, 5)\n",
        "q.py": "from p.m import f\nf(1, 2, 3, 4, 5)\nf(1, 2, 3, 4)\n",
    }
    assert places(checked(tmp_path, files), "connascence-position") == [("q.py", 2)]
    strict, lax = (CheckOptions(limits={Kind.POSITION: limit}) for limit in (0, 5))
    assert places(checked(tmp_path, files, strict), "connascence-position") == [("q.py", 2), ("q.py", 3)]
    assert places(checked(tmp_path, files, lax), "connascence-position") == []


def test_rules_are_off_and_files_left_out_when_asked(tmp_path):
    files = {"a.py": "from os import *\n", "b/c.py": "from os import *\n"}
    assert places(checked(tmp_path, files, CheckOptions(exclude=("b/*",))), "star-import") == [("a.py", 1)]
    result = checked(tmp_path, files, CheckOptions(off=frozenset({"star-import"})))
    assert not result.found
    assert "star-import" not in result.compliance


def test_given_files_are_judged_and_the_others_only_bear_on_them(tmp_path):
    files = CASES["import-cycle"][0] | {"p/e.py": "from os import *\n"}
    result = checked(tmp_path, files, judged={"p/c.py"})
    assert [(each.violation.rule, each.violation.path) for each in result.found] == [("import-cycle", "p/c.py")]
    assert result.compliance["import-cycle"].eligible == 1


def test_a_new_copy_is_found_from_either_side_and_is_one_violation(tmp_path):
    files = {"a.py": "PORT = 8471\n", "b.py": "PORT = 8471\n", "c.py": ""}
    whole, first, second, neither = (
        checked(tmp_path, files, judged=judged) for judged in (None, {"a.py"}, {"b.py"}, {"c.py"})
    )
    assert places(whole, "connascence-value") == [("b.py", 1)]
    assert {each.fingerprint for each in (*first.new, *second.new)} == {whole.new[0].fingerprint}
    assert not neither.new
    known = first.baseline(Baseline(), whole=False)
    assert not checked(tmp_path, files, baseline=known).new


def test_files_that_cannot_be_read_are_told(tmp_path):
    result = checked(tmp_path, {"a.py": "def (:\n", "b.py": "from os import *\n"})
    assert [(each.path, each.code) for each in result.problems] == [("a.py", "syntax")]
    assert places(result, "star-import") == [("b.py", 1)]


def test_only_what_the_baseline_does_not_know_is_new(tmp_path):
    files = {"a.py": "from os import *\n", "b.py": "from os import *\n"}
    first = checked(tmp_path, files)
    place = tmp_path / "baseline.json"
    write_baseline(place, first.baseline(Baseline(), whole=True))
    known = read_baseline(place)
    moved = {"a.py": "# lines\n\n\nfrom sys import *\nfrom os import *\n", "b.py": "import os\n"}
    second = checked(tmp_path, moved, baseline=known)
    assert [(each.violation.path, each.violation.line, each.state) for each in second.found] == [
        ("a.py", 4, State.NEW),
        ("a.py", 5, State.KNOWN),
    ]
    assert [path for path, _, _ in second.gone] == ["b.py"]
    # A part brings its own up to date and leaves what is known of other files.
    some = checked(tmp_path, moved, baseline=known, judged={"a.py"})
    assert some.gone == ()
    part = some.baseline(known, whole=False)
    assert {path: len(entries) for path, entries in part.known.items()} == {"a.py": 2, "b.py": 1}
    assert set(second.baseline(known, whole=True).known) == {"a.py"}


def test_a_second_violation_of_the_same_text_is_new(tmp_path):
    first = checked(tmp_path, {"a.py": "from os import *\n"})
    known = first.baseline(Baseline(), whole=True)
    again = checked(tmp_path, {"a.py": "from os import *\nfrom os import *\n"}, baseline=known)
    assert [each.state for each in again.found] == [State.KNOWN, State.NEW]


def test_a_comment_says_that_a_violation_is_meant_and_compliance_does_not_rise(tmp_path):
    text = """\
from a import *  # strata: ignore[star-import]
from b import (  # strata: ignore
    *
)
from c import *  # strata: ignore[other, import-cycle]
TEXT = "# strata: ignore"; from d import *
from e import *  #strata:ignore[ star-import ] since it is generated
""".replace("(  # strata: ignore\n    *\n)", "\\\n    *  # strata: ignore")
    result = checked(tmp_path, {"m.py": text})
    states = [(each.violation.line, each.state) for each in result.found if each.violation.rule == "star-import"]
    assert states == [
        (1, State.SUPPRESSED),
        (2, State.SUPPRESSED),
        (4, State.NEW),
        (5, State.NEW),
        (6, State.SUPPRESSED),
    ]
    assert result.compliance["star-import"].violating == 5
    assert result.count(State.SUPPRESSED) == 3


def test_only_comments_suppress():
    found = suppressions(b's = """\n# strata: ignore\n"""\nx = 1  # strata: ignore[a,b]\n# strata: ignored\n')
    assert found == {4: frozenset({"a", "b"})}
    assert suppressions(b"x = 1 # strata: ignore\n(") != {}
    assert suppressions(b"\xff# strata: ignore\n") == {}


violations = st.lists(
    st.builds(
        Violation,
        st.sampled_from(["r", "s"]),
        st.sampled_from(["a.py", "b.py"]),
        st.integers(1, 99),
        st.integers(1, 99),
        st.just(""),
        st.sampled_from(["k", "l", "k\0"]),
    )
)


@given(violations, st.integers(0, 50))
def test_fingerprints_are_distinct_and_do_not_know_lines(some, shift):
    found = fingerprints(some)
    assert len(set(found)) == len(some)
    moved = [Violation(v.rule, v.path, v.line + shift, v.end + shift, "other words", v.key) for v in some]
    assert fingerprints(moved) == found


@pytest.mark.parametrize(
    "table",
    [
        {"strategy": "sideways"},
        {"strategy": 1},
        {"stratgey": "absolute"},
        {"off": ["no-such-rule"]},
        {"off": "star-import"},
        {"exclude": [1]},
        {"limits": {"taste": 1}},
        {"limits": {"name": -1}},
        {"limits": {"name": True}},
        {"limits": []},
        {"tests": "yes"},
    ],
)
def test_a_slip_in_the_configuration_is_told(table):
    with pytest.raises(BadConfiguration, match=r"tool\.strata\.imports"):
        read_options(Configuration({"tool": {"strata": {"imports": table}}}), frozenset(RULES))


def test_the_configuration_is_followed():
    table = {"strategy": "absolute", "off": ["star-import"], "exclude": ["x/*"], "limits": {"type": 3}, "tests": True}
    found = read_options(Configuration({"tool": {"strata": {"imports": table}}}), frozenset(RULES))
    assert (found.strategy, found.off, found.exclude, found.tests) == ("absolute", {"star-import"}, ("x/*",), True)
    assert (found.limits[Kind.TYPE], found.limits[Kind.NAME]) == (3, CheckOptions().limits[Kind.NAME])
    assert read_options(Configuration(), frozenset(RULES)) == CheckOptions()
    assert read_options(Configuration({"tool": {"strata": 3}}), frozenset(RULES)) == CheckOptions()


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"version": 99}', '{"version": 1, "violations": {"a": [1]}}'])
def test_a_baseline_that_makes_no_sense_is_told(tmp_path, text):
    place = tmp_path / "baseline.json"
    place.write_text(text)
    with pytest.raises(BadBaseline, match="baseline"):
        read_baseline(place)
    assert place.read_text() == text


def test_a_baseline_is_sorted_and_has_no_lines(tmp_path):
    first, second = (
        checked(tmp_path / n, {"b.py": "from os import *\n", "a.py": f"{n}\nfrom os import *\n"}) for n in "12"
    )
    texts = []
    for number, result in enumerate((first, second)):
        write_baseline(tmp_path / f"{number}.json", result.baseline(Baseline(), whole=True))
        texts.append((tmp_path / f"{number}.json").read_text())
    assert texts[0] == texts[1]
    assert list(json.loads(texts[0])["violations"]) == ["a.py", "b.py"]
    assert read_baseline(tmp_path / "none.json") == Baseline()
