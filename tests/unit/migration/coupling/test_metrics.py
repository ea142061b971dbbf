"""Martin's metrics by hand and against grimp, abstract classes against `abc`, and a project's report."""

import ast
import importlib.util
import inspect
import sys
from pathlib import Path

import grimp
import pytest

from strata.migration.connascence import connascence, is_abstract, read_code
from strata.migration.coupling import Classes, Martin, coupling, module_metrics, package_metrics
from strata.migration.graph import import_edges
from strata.migration.imports import analyse
from tests.support.trees import make_tree


def read(folder, files):
    return read_code(analyse(make_tree(folder, files)), workers=1)


def report(folder, files):
    code = read(folder, files)
    return coupling(code, connascence(code))


def test_instability_abstractness_and_distance():
    found = Martin("p", 3, afferent=1, efferent=3, classes=Classes(4, 1))
    assert (found.instability, found.abstractness, found.distance) == (0.75, 0.25, 0.0)
    alone = Martin("p", 1, 0, 0, Classes())
    assert (alone.instability, alone.abstractness, alone.distance) == (None, 0.0, None)


def test_a_packages_afferents_are_modules_outside_and_its_efferents_modules_inside(tmp_path):
    found = report(
        tmp_path,
        {
            "a/__init__.py": "",
            "a/m.py": "import b.n, b.o\nfrom a import k\nprint(k)",
            "a/k.py": "",
            "b/__init__.py": "",
            "b/n.py": "from . import o\nprint(o)",
            "b/o.py": "",
        },
    )
    packages = {each.name: (each.modules, each.afferent, each.efferent) for each in found.packages}
    assert packages == {"a": (3, 0, 1), "b": (3, 1, 0)}
    modules = {each.name: (each.afferent, each.efferent) for each in found.modules}
    assert modules["a.m"] == (0, 3)
    assert modules["b.o"] == (2, 0)
    assert (found.cross.pairs, found.cross.weighted) == (2, 4.0)


@pytest.mark.parametrize("name", ["mergekit", "pydantic"])
def test_counts_are_grimps_on_real_packages(name):
    folder = Path(importlib.util.find_spec(name).origin).parent
    edges = import_edges(analyse(folder, workers=1))
    graph = grimp.build_graph(name, cache_dir=None)
    ours = {each.name: each for each in module_metrics(edges, graph.modules, {})}
    for module in graph.modules:
        assert ours[module].afferent == len(graph.find_modules_that_directly_import(module)), module
        assert ours[module].efferent == len(graph.find_modules_directly_imported_by(module)), module
    packages = {m: m if graph.find_children(m) else m.rpartition(".")[0] for m in graph.modules}
    for package in package_metrics(edges, packages, {}):
        inside = {module for module, its in packages.items() if its == package.name}
        importers = {i for m in inside for i in graph.find_modules_that_directly_import(m)} - inside
        users = {m for m in inside if graph.find_modules_directly_imported_by(m) - inside}
        assert (package.afferent, package.efferent) == (len(importers), len(users)), package.name


CLASSES = """\
from abc import ABC, ABCMeta, abstractmethod
import typing as t


class Declared(metaclass=ABCMeta): ...
class Base(ABC):
    @abstractmethod
    def f(self): ...
    @property
    @abstractmethod
    def g(self): ...
class Half(Base):
    def f(self): ...
class Whole(Half):
    g = 1
class Mixed:
    def f(self): ...
    def g(self): ...
class First(Mixed, Base): ...
class Last(Base, Mixed): ...
class Diamond(Half, Base):
    g = 2
class Left(Base): ...
class Right(Base):
    f = g = 3
class Both(Left, Right): ...
class Again(Whole):
    @abstractmethod
    def f(self): ...
class Shape(t.Protocol[int]): ...
class Given(Shape): ...
"""


def test_a_class_is_abstract_where_abc_says_so(tmp_path):
    code = read(tmp_path, {"m.py": CLASSES.replace("t.Protocol[int]", "t.Protocol")})
    found = {each.name: is_abstract(code, "m.py", each) for each in code.facts["m.py"].classes}
    space: dict[str, object] = {}
    exec(compile(ast.parse(CLASSES.replace("t.Protocol[int]", "t.Protocol")), "m", "exec"), space)
    declared = {"Declared", "Shape"}  # nothing is left to override, but they say what they are
    expected = {name: inspect.isabstract(space[name]) or name in declared for name in found}
    assert found == expected
    assert {True, False} == set(found.values())


def test_abstract_classes_are_followed_across_modules(tmp_path):
    found = report(
        tmp_path,
        {
            "p/__init__.py": "from .base import *",
            "p/base.py": "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n",
            "p/m.py": "import p\nclass B(p.A): ...\nclass C(B):\n    f = None\n",
        },
    )
    assert {each.name: each.classes for each in found.modules}["p.m"] == Classes(2, 1)


def test_shims_are_found_and_looked_through(tmp_path):
    found = report(
        tmp_path,
        {
            "a/__init__.py": "",
            "a/old.py": '"""Moved."""\nimport warnings\nfrom b.new import x\nwarnings.warn("moved")\n__all__ = ["x"]\n',
            "a/user.py": "from a.old import x\nx()\n",
            "a/outward.py": "from os import path\n",
            "a/user_too.py": "import a.user\n",
            "b/__init__.py": "",
            "b/new.py": "def x(): ...\n",
        },
    )
    assert found.shims == ("a.old",)
    assert (found.cross.pairs, found.cross.shim_pairs) == (1, 1)
    assert [(each.importer, each.imported, each.pairs) for each in found.heaviest] == [("a", "b", 1)]


def test_a_module_that_puts_another_in_its_place_is_a_shim(tmp_path):
    found = report(
        tmp_path,
        {
            "a/__init__.py": "",
            "a/old.py": 'import sys\n\nimport b.new\n\nsys.modules[__name__] = sys.modules["b.new"]\n',
            "a/user.py": "from a import old\nold.x()\n",
            "a/starter.py": "import b.new\n",
            "b/__init__.py": "",
            "b/new.py": "def x(): ...\n",
        },
    )
    assert found.shims == ("a.old",)
    assert (found.cross.pairs, found.cross.shim_pairs) == (2, 1)


def test_connascence_makes_a_pair_heavier_and_annotations_are_told_apart(tmp_path):
    files = {
        "a/__init__.py": "",
        "a/m.py": "from b.n import CACHE\nCACHE['k'] = 1\n",
        "a/t.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from b.n import CACHE\n",
        "b/__init__.py": "",
        "b/n.py": "CACHE = {}\n",
    }
    found = report(tmp_path, files)
    assert found.weights == {("a.m", "b.n"): 8.0, ("a.t", "b.n"): 1.0}
    assert (found.cross.weighted, found.cross.pairs, found.type_only) == (18.0, 2, 1)


def test_tests_and_copies_of_others_are_counted_when_asked_for(tmp_path):
    files = {
        "p/__init__.py": "",
        "p/m.py": "x = 1",
        "p/tests/test_m.py": "import p.m",
        "p/_vendor/x.py": "import p.m",
    }
    analysis = analyse(make_tree(tmp_path, files))
    names = []
    for options in ({}, {"tests": True}, {"vendored": True}):
        code = read_code(analysis, **options)
        names.append({each.name for each in coupling(code, connascence(code)).modules})
    assert names == [{"p", "p.m"}, {"p", "p.m", "p.tests.test_m"}, {"p", "p.m", "p._vendor.x"}]


def test_no_code_of_the_project_is_run(tmp_path):
    report(tmp_path, {"p/__init__.py": "import sys\nsys.ran = True\n", "p/m.py": "import p\n"})
    assert not hasattr(sys, "ran")
