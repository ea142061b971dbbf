"""Names of modules: held against the import system itself, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from strata.migration.project import Kind, Modules, find_roots, open_tree
from tests.support.trees import make_tree

FILES = {
    "lib/p/__init__.py": "",
    "lib/p/a.py": "",
    "lib/p/a/__init__.py": "",  # a package wins over a module of its name
    "lib/p/sub/b.py": "",  # a namespace inside of a package
    "lib/n/c.py": "",  # in a namespace, which a regular package under another root wins over
    "src/n/__init__.py": "",
    "src/n/d.py": "",
    "src/ns/e.py": "",  # one namespace over two roots
    "lib/ns/f.py": "",
    "src/both.py": "",
    "lib/both.py": "",
    "src/my-tools/g.py": "",
    "src/deep/er/est/h.py": "",
    "src/p/sub/i.py": "",  # below a regular package that lies under another root
    "src/m/j.py": "",
    "lib/m.py": "",
}


@pytest.fixture
def modules(tmp_path: Path) -> Modules:
    tree = open_tree(make_tree(tmp_path, FILES))
    return Modules(tree, find_roots(tree, ["lib", "src"]))


def test_found_as_the_import_system_finds_it(modules: Modules, tmp_path: Path) -> None:
    names = ["p", "p.a", "p.sub", "p.sub.b", "n", "n.c", "n.d", "ns", "ns.e", "ns.f", "both", "deep", "deep.er.est.h"]
    names += ["p.none", "none", "p.sub.i", "m", "m.j", "deep.er.none", "p.sub.none"]
    code = (
        "import sys, json, importlib.util, os\n"
        "sys.path[:0] = [os.path.abspath('lib'), os.path.abspath('src')]\n"
        "def find(name):\n"
        "    try: spec = importlib.util.find_spec(name)\n"
        "    except ModuleNotFoundError: return None\n"
        "    if spec is None: return None\n"
        "    if spec.origin is None: return 'namespace'\n"
        "    return os.path.relpath(spec.origin)\n"
        "print(json.dumps({name: find(name) for name in json.load(sys.stdin)}))\n"
    )
    command, names_json = [sys.executable, "-P", "-c", code], json.dumps(names)
    done = subprocess.run(command, input=names_json, cwd=tmp_path, capture_output=True, text=True, check=True)
    expected = json.loads(done.stdout)
    found = {name: modules.find(name) for name in names}
    assert {
        name: module and ("namespace" if module.kind is Kind.NAMESPACE else module.path)
        for name, module in found.items()
    } == expected


def test_names_of_files(modules: Modules) -> None:
    assert modules.by_path()["lib/p/__init__.py"] == "p"
    assert modules.by_path()["src/deep/er/est/h.py"] == "deep.er.est.h"
    assert "src/my-tools/g.py" not in modules.by_path()
    assert modules.clashes() == {"both": ["lib/both.py", "src/both.py"], "p.a": ["lib/p/a.py", "lib/p/a/__init__.py"]}


def test_the_same_file_under_two_roots(tmp_path: Path) -> None:
    tree = open_tree(make_tree(tmp_path, {"src/__init__.py": "", "src/p/__init__.py": "", "src/p/a.py": ""}))
    modules = Modules(tree, find_roots(tree, ["src", "."]))
    assert [name for _, name in modules.names("src/p/a.py")] == ["p.a", "src.p.a"]


def test_compiled_modules_have_names(tmp_path: Path) -> None:
    files = {
        "p/__init__.py": "",
        "p/_c.cpython-311-x86_64-linux-gnu.so": "",
        "v1.2/d.so": "",
        "p/s.pyi": "",
        "p/x.pyx": "",
    }
    tree = open_tree(make_tree(tmp_path, files))
    modules = Modules(tree, find_roots(tree))
    found = modules.find("p._c")
    assert found is not None
    assert (found.kind, found.path) == (Kind.EXTENSION, "p/_c.cpython-311-x86_64-linux-gnu.so")
    below = modules.find("p._c.inner")  # a compiled module can make such
    assert below is not None
    assert (below.kind, below.path) == (found.kind, found.path)
    assert modules.find("p.x") is not None
    assert modules.find("p.s") is None
    assert modules.find("v1") is None


def test_the_standard_library_s_names_are_not_the_project_s(tmp_path: Path) -> None:
    tree = open_tree(make_tree(tmp_path, {"types.py": "", "p/__init__.py": ""}))
    modules = Modules(tree, find_roots(tree))
    assert modules.knows("p.anything")
    assert not modules.knows("types")
    assert not modules.knows("requests")
