"""Facts, kept and read again; names followed through a project as Python follows them; bodies that do the same."""

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from strata.migration.connascence import RULES, CodeFacts, code_file, connascence, copies, extract, read_code
from strata.migration.imports import analyse
from tests.support.trees import make_tree


def read(folder, files, **options):
    return read_code(analyse(make_tree(folder, files), workers=1), workers=1, **options)


def symbol(code, path, bound, chain=""):
    facts = code.facts[path]
    return code.symbol(path, next(i for i, each in enumerate(facts.bindings) if each.bound == bound), chain)


def body(text):
    return {each.name: each.body for each in extract("m.py", text.encode()).functions}


def test_facts_come_back_from_json_as_they_were():
    texts = [text for rule in RULES.values() for each in (*rule.valid, *rule.invalid) for text in each.files.values()]
    texts += [Path(__file__).read_text(), Path(importlib.util.find_spec("argparse").origin).read_text()]
    for text in texts:
        facts = extract("p/m.py", text.encode())
        assert CodeFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert facts.functions
    assert facts.classes


def test_imported_classes_and_functions_are_those_that_python_finds():
    """For each import at the top of each module that is loaded, against `__module__` and `__qualname__`."""
    name = "pydantic"
    importlib.import_module(name)
    code = read_code(analyse(Path(importlib.util.find_spec(name).origin).parent, workers=1), workers=1)
    found = 0
    for path, facts in code.files():
        module = sys.modules.get(code.modules[path])
        for bound, each in facts.names.items():
            thing = getattr(module, bound, None)
            seen = code.symbol(path, each.at, "") if each.kind == "import" and thing is not None else None
            if not isinstance(thing, type | FunctionType | ModuleType):
                continue  # something else where an import has failed
            if seen is not None and seen.kind in {"class", "function"}:
                assert (thing.__module__, thing.__qualname__) == (code.modules[seen.path], seen.name), (path, bound)
                found += 1
            elif seen is not None and seen.kind == "module":
                assert thing.__name__ == code.modules[seen.path], (path, bound)
    assert found > 200


def test_names_are_followed_through_packages_stars_and_other_names(tmp_path):
    code = read(
        tmp_path,
        {
            "p/__init__.py": "from .none import *\nfrom .s import *\nfrom .m import f as g\nfrom .m import m\n",
            "p/none.py": "",
            "p/s/__init__.py": "from .deep import *\n",
            "p/s/deep.py": "class C:\n    def make(self): ...\n",
            "p/m.py": "def f(): ...\ndef m(): ...\n",
            "n.py": "import p\nimport p.m as pm\nfrom p import g, C as K, m\n",
        },
    )
    assert symbol(code, "n.py", "g") == symbol(code, "n.py", "p", "g")
    assert (symbol(code, "n.py", "g").path, symbol(code, "n.py", "g").name) == ("p/m.py", "f")
    assert symbol(code, "n.py", "K").path == "p/s/deep.py"
    assert (symbol(code, "n.py", "K", "make").name, symbol(code, "n.py", "K", "make").kind) == ("C.make", "function")
    assert symbol(code, "n.py", "p", "s.deep.C").path == "p/s/deep.py"
    # What `__init__` binds hides the submodule of that name.
    assert (symbol(code, "n.py", "m").kind, symbol(code, "n.py", "p", "m").kind) == ("function", "function")
    assert symbol(code, "n.py", "pm").kind == "module"


def test_re_exports_that_go_round_in_a_circle_end(tmp_path):
    code = read(
        tmp_path,
        {
            "a.py": "from b import *\nfrom b import x\n",
            "b.py": "from a import *\nfrom a import x\nfrom c import *\n",
            "c.py": "from a import *\ndef y(): ...\n",
            "n.py": "from a import x, y, z\n",
        },
    )
    assert symbol(code, "n.py", "x") is None
    assert symbol(code, "n.py", "y").path == "c.py"
    assert symbol(code, "n.py", "z").kind == "unknown"


def test_the_first_of_two_imports_of_a_name_counts(tmp_path):
    tried = "try:\n    from a import f\nexcept ImportError:\n    from b import f\nif 1:\n    from b import f\n"
    code = read(
        tmp_path, {"a.py": "def f(): ...", "b.py": "def f(): ...", "m.py": f"{tried}f()", "n.py": "from m import f"}
    )
    assert symbol(code, "m.py", "f").path == "a.py"
    assert symbol(code, "n.py", "f").path == "a.py"


def test_a_local_name_is_no_import(tmp_path):
    files = {
        "m.py": "CACHE = {}\ndef f(a, b, c, d): ...\n",
        "n.py": """\
from m import CACHE, f
def parameter(f): f(1, 2, 3, 4)
def assigned():
    f = len
    f(1, 2, 3, 4)
def comprehended(): return [f(1, 2, 3, 4) for f in (len,)]
class Own:
    f = len
    f(1, 2, 3, 4)
    def method(self): f(1, 2, 3, 4)
def shared():
    global CACHE
    CACHE['a'] = 1
    CACHE = CACHE
""",
    }
    found = {(each.kind, each.place.line) for each in connascence(read(tmp_path, files)).findings}
    # In a method a name of the class is not seen, so line 10 calls the import.
    assert found == {("position", 10), ("identity", 13)}


LOOP = "def f(items):\n    '''Words.'''\n    n = 0\n    for i in items:\n        if i in {'a', 'b', 'c'}:\n"
LOOP += "            n += 1\n        else:\n            n -= 1\n    return n\n"


def test_a_body_is_what_it_does_whatever_things_are_called():
    same = re.sub(r"\bn\b", "total", LOOP).replace("items", "things").replace("    '''Words.'''\n", "")
    same = "import os\n\n@os.wrap\n" + same.replace("def f", "def other")
    assert body(LOOP)["f"] == body(same)["other"] != ""
    for other in (LOOP.replace("n -= 1", "n -= 2"), LOOP.replace("'c'", "'d'"), LOOP.replace("return n", "yield n")):
        assert body(other)["f"] != body(LOOP)["f"]
    assert body("def f():\n    return 1\n")["f"] == ""


def test_a_body_is_the_same_in_another_process():
    code = "import sys; from strata.migration.connascence import extract\n"
    code += "print(extract('m.py', sys.stdin.buffer.read()).functions[0].body)"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=LOOP.encode(),
            capture_output=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert answers == {f"{body(LOOP)['f']}\n".encode()}


def test_copies_are_grouped_and_those_of_one_module_left_out(tmp_path):
    code = read(tmp_path, {"m.py": LOOP + LOOP.replace("def f", "def g"), "n.py": "", "o.py": LOOP})
    assert [[(path, each.name) for path, each in group] for group in copies(code)] == [
        [("m.py", "f"), ("m.py", "g"), ("o.py", "f")]
    ]
    assert copies(read(tmp_path / "alone", {"m.py": LOOP + LOOP.replace("def f", "def g")})) == []


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "-" * 2_500 + "1",
        "X = [" + ", ".join(["-" * 900 + "1"] * 4) + "]",
        "x = " + "+".join(["a"] * 5_000),
        "x" + ".y" * 5_000,
        "x" + "(1)" * 3_000,
        f"A = 0x{'f' * 50_000}\nB = {{0x{'f' * 50_000}, 'abc', 'def'}}\ndef f(a):\n    return a == 0x{'f' * 50_000}",
        "def f():\n" + "    x = 1\n" * 6 + f"    return 0x{'f' * 50_000}\n",
        "def f(a: '" + "(" * 300 + "'): ...",
        "if a:\n  pass\n" + "elif a:\n  pass\n" * 1_500,
        "return 1\ndef f():\n" + "  x = 1\n" * 7,
        "x = '\\ud800\\udfff abc'\nX = '\\ud800 abc'\n",
        "def broken(:",
        "\0",
        "import a.b.c.d, .x",
        "from . import *\nfrom .. import *\nfrom ....x import y\ny.z()\n",
    ],
)
def test_odd_files_have_facts_that_can_be_kept(tmp_path, text):
    facts = extract("m.py", text.encode())
    assert CodeFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    connascence(read(tmp_path, {"m.py": text, "n.py": "import m\n"}))


def test_a_file_is_read_again_only_if_its_bytes_differ(tmp_path):
    files = {"m.py": "A = 'some text'\n", "n.py": "", "o.py": ""}
    kept = code_file(tmp_path / "home", tmp_path / "tree")
    first = read(tmp_path / "tree", files, kept=kept)
    # A kept row is believed for the file whose bytes it was made of, and for no other.
    document = json.loads(kept.read_bytes())
    for row in document["files"]:
        row[12] = [["MARK", "'of what is kept'", 1]]
    kept.write_text(json.dumps(document))
    second = read(tmp_path / "tree", files | {"n.py": "B = 'another text'\n"}, kept=kept)
    names = {path: [each.name for each in facts.constants] for path, facts in second.facts.items()}
    assert names == {"m.py": ["MARK"], "n.py": ["B"], "o.py": ["MARK"]}
    kept.write_text("{]")
    assert read(tmp_path / "tree", files, kept=kept).facts == first.facts
    kept.write_text(json.dumps({"version": document["version"], "files": [[1, 2]]}))
    assert read(tmp_path / "tree", files, kept=kept).facts == first.facts


def test_processes_find_what_one_finds(tmp_path):
    files = {f"p/m{number}.py": f"from p import m{number - 1}\nX{number} = 'value {number}'\n" for number in range(210)}
    analysis = analyse(make_tree(tmp_path, files), workers=1)
    assert read_code(analysis, workers=2).facts == read_code(analysis, workers=1).facts
