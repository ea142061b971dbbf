"""`strata imports check | coupling | connascence` on a small project: exit statuses, what they print and write."""

import json
import re
from pathlib import Path

import pytest

from strata.cli import main
from strata.migration.check import BASELINE_FILE
from tests.support.trees import make_tree

TREE = {
    "p/__init__.py": "",
    "p/a.py": "from p.b import x\nfrom os import *\n\nx.append(1)\n",
    "p/b.py": "x = []\n",
    "p/c d%.py": "from os import *  # strata: ignore[star-import]\n",
    "p/run.py": "from p.b import x\nif __name__ == '__main__':\n    print(x)\n",
    "q/__init__.py": "",
    "q/m.py": "from p.b import x\nfrom p import a\nx[0] = a\n",
    "pyproject.toml": '[tool.strata.imports]\nstrategy = "relative_preferred"\n',
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    folder = make_tree(tmp_path / "tree", TREE)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["imports", *map(str, arguments)])
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return call


def test_new_violations_fail_and_a_baseline_lets_them_pass(tree, run):
    code, out, _ = run("check")
    assert code == 1
    assert "p/a.py:1: import-style" in out
    assert "p/a.py:2: star-import" in out
    assert re.search(r"star-import .* 1 .* 1 ", out)
    count = int(re.search(r"(\d+) new violations in 7 files", out)[1])
    assert run("check", "--update-baseline")[0] == 0
    code, out, _ = run("check", "--json")
    found = json.loads(out)
    assert (code, found["counts"]) == (0, {"new": 0, "known": count, "suppressed": 1, "excused": 1})
    assert found["rules"]["star-import"]["violating"] == 2
    (tree / "p/b.py").write_text("\nx = []\nfrom sys import *\n")
    code, out, _ = run("check")
    assert (code, out.splitlines()[0]) == (
        1,
        "p/b.py:3: star-import: `from sys import *` hides which names it binds; name them",
    )
    (tree / "p/a.py").write_text("")
    assert "violations of the baseline are gone" in run("check")[1]


def test_given_files_and_folders_alone_are_judged(tree, run):
    assert run("check", "p/b.py")[0] == 0
    _, out, _ = run("check", "p/b.py", "q", "--json")
    assert {each["path"] for each in json.loads(out)["violations"]} == {"q/m.py"}
    run("check", "--update-baseline", "q/m.py")
    assert set(json.loads((tree / BASELINE_FILE).read_bytes())["violations"]) == {"q/m.py"}
    assert run("check", tree / "q", "--tree", tree)[0] == 0


def test_a_wrong_use_is_told(tree, run):
    for wrong, said in [
        (("check", "--strategy", "sideways"), "there is no strategy"),
        (("check", "../outside.py"), "does not lie in"),
        (("check", "p/none.py"), "there is no p/none.py"),
        (("connascence", "--kind", "taste"), "there is no kind"),
        (("coupling", "nowhere"), "no folder"),
    ]:
        code, out, error = run(*wrong)
        assert (code, out) == (2, "")
        assert said in error
    (tree / BASELINE_FILE).write_text("{")
    assert "no baseline" in run("check")[2]
    (tree / "pyproject.toml").write_text("[tool.strata.imports]\noff = 3\n")
    assert "tool.strata.imports.off" in run("check")[2]


# The parts of the SARIF 2.1.0 schema (OASIS) that bear on what is written, in its own words. The whole schema was held
# against a file of this command as well.
TEXT = {"type": "string"}
MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": TEXT}, "additionalProperties": False}
LOCATION = {
    "type": "object",
    "required": ["artifactLocation", "region"],
    "additionalProperties": False,
    "properties": {
        "artifactLocation": {
            "type": "object",
            "required": ["uri", "uriBaseId"],
            "additionalProperties": False,
            # A relative reference (RFC 3986): no space, no bare per cent sign, no scheme.
            "properties": {
                "uri": TEXT | {"pattern": r"^(?!/)([\w.~!$&'()*+,;=@/-]|%[0-9A-F]{2})+$"},
                "uriBaseId": TEXT,
            },
        },
        "region": {
            "type": "object",
            "additionalProperties": False,
            "properties": {name: {"type": "integer", "minimum": 1} for name in ("startLine", "endLine")},
        },
    },
}
RESULT = {
    "type": "object",
    "required": ["message", "ruleId"],
    "additionalProperties": False,
    "properties": {
        "ruleId": TEXT,
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": {"enum": ["none", "note", "warning", "error"]},
        "message": MESSAGE,
        "locations": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": False, "properties": {"physicalLocation": LOCATION}},
        },
        "partialFingerprints": {"type": "object", "additionalProperties": TEXT},
        "baselineState": {"enum": ["new", "unchanged", "updated", "absent"]},
        "suppressions": {
            "type": "array",
            "uniqueItems": True,
            "items": {
                "type": "object",
                "required": ["kind"],
                "additionalProperties": False,
                "properties": {"kind": {"enum": ["inSource", "external"]}, "justification": TEXT},
            },
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": TEXT,
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "additionalProperties": False,
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {"driver": {"required": ["name"]}},
                    },
                    "originalUriBaseIds": {"type": "object"},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
            },
        },
    },
}


def test_sarif_has_the_structure_of_its_schema(tree, run, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    run("check", "q", "--update-baseline")
    assert run("check", "--sarif", tmp_path / "check.sarif")[0] == 1
    document = json.loads((tmp_path / "check.sarif").read_bytes())
    jsonschema.Draft7Validator(SARIF).validate(document)
    (found,) = document["runs"]
    rules = [each["id"] for each in found["tool"]["driver"]["rules"]]
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in found["results"])
    assert {each["level"] for each in found["results"]} == {"error", "warning", "note"}
    by_uri = {each["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: each for each in found["results"]}
    assert by_uri["p/c%20d%25.py"]["suppressions"] == [{"kind": "inSource"}]
    assert by_uri["q/m.py"]["baselineState"] == "unchanged"
    assert "script" in by_uri["p/run.py"]["suppressions"][0]["justification"]
    prints = [each["partialFingerprints"]["strataViolation/v1"] for each in found["results"]]
    assert len(set(prints)) == len(prints)


def test_coupling_is_told_worst_first(tree, run):
    code, out, _ = run("coupling", "--modules")
    assert code == 0
    assert "cross-package coupling" in out
    found = json.loads(run("coupling", "--json")[1])
    assert found["cross_package"]["pairs"] == 2
    # Identity, strength 8, on one pair; a name on the other; two steps.
    assert found["cross_package"]["weighted"] == 2 * (8 + 1)
    packages = {each["name"]: each for each in found["packages"]}
    assert (packages["p"]["afferent"], packages["p"]["efferent"], packages["p"]["distance"]) == (1, 0, 1.0)
    assert (packages["q"]["instability"], packages["q"]["abstractness"]) == (1.0, 0.0)
    assert found["package_pairs"] == [{"importer": "q", "imported": "p", "weighted": 18.0, "pairs": 2}]


def test_connascence_is_told_heaviest_first(tree, run):
    code, out, _ = run("connascence")
    assert code == 0
    assert out.splitlines()[0].startswith("p/a.py:4: identity (package)")
    found = json.loads(run("connascence", "--json", "--kind", "identity")[1])
    assert found["kinds"] == {"identity": {"strength": 8, "findings": 2, "eligible": 3}}
    assert [each["place"] for each in found["findings"]] == [
        {"path": "p/a.py", "line": 4},
        {"path": "q/m.py", "line": 3},
    ]
    assert found["findings"][1]["other"] == {"path": "p/b.py", "line": 1}


def test_the_hook_is_one_that_pre_commit_takes():
    clientlib = pytest.importorskip("pre_commit.clientlib")
    (hook,) = clientlib.load_manifest(Path(__file__).parents[3] / ".pre-commit-hooks.yaml")
    assert (hook["id"], hook["entry"], hook["pass_filenames"]) == ("strata-imports", "strata imports check", True)
