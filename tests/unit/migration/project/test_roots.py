"""Where names of modules are looked up, by each kind of configuration; and configurations that lie."""

import configparser
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.migration.project import BadProject, Root, find_roots, open_tree, read_configuration
from tests.support.trees import make_tree

FILES = {"lib/p/__init__.py": "", "lib/p/a.py": "", "tools/x.py": "", "src/q.py": ""}


def roots(folder: Path, files: dict[str, str], given: tuple[str, ...] = ()) -> list[str]:
    return [root.folder for root in find_roots(open_tree(make_tree(folder, files)), given)]


@pytest.mark.parametrize(
    ("file", "text", "folder"),
    [
        ("pyproject.toml", '[tool.setuptools.packages.find]\nwhere = ["lib"]', "lib"),
        ("pyproject.toml", '[tool.setuptools]\npackage-dir = {"" = "lib"}', "lib"),
        ("pyproject.toml", '[tool.hatch.build.targets.wheel]\npackages = ["lib/p"]', "lib"),
        ("pyproject.toml", '[[tool.poetry.packages]]\ninclude = "p"\nfrom = "lib"', "lib"),
        ("pyproject.toml", '[tool.pdm.build]\npackage-dir = "lib"', "lib"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = ["tools", "."]', "tools"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npythonpath = "tools lib"', "tools"),
        ("pytest.ini", "[pytest]\npythonpath = tools\n", "tools"),
        (".pytest.ini", "[pytest]\npythonpath =\n  tools\n  lib\n", "tools"),
        ("tox.ini", "[tox]\nenvlist = a{%s}\n[pytest]\npythonpath = tools", "tools"),
        ("setup.cfg", "[tool:pytest]\npythonpath = tools", "tools"),
        ("setup.cfg", "[options]\npackage_dir =\n    = lib\n", "lib"),
        ("setup.cfg", "[options.packages.find]\nwhere = lib", "lib"),
        ("conftest.py", "import sys\nsys.path.insert(0, 'tools')", "tools"),
    ],
)
def test_a_configured_folder_comes_first(tmp_path: Path, file: str, text: str, folder: str) -> None:
    found = roots(tmp_path, FILES | {file: text})
    assert found[0] == folder
    assert found[-2:] in (["src", ""], ["", "src"])


def test_the_src_layout_and_the_tree_are_roots_of_their_own(tmp_path: Path) -> None:
    assert roots(tmp_path, FILES) == ["src", ""]


def test_a_src_that_is_a_package_is_no_root(tmp_path: Path) -> None:
    assert roots(tmp_path, FILES | {"src/__init__.py": ""}) == [""]


def test_what_is_given_wins_over_what_is_configured_and_that_over_what_is_found(tmp_path: Path) -> None:
    files = FILES | {"pyproject.toml": '[tool.strata.imports]\nroots = ["tools", "lib"]', "__init__.py": ""}
    assert roots(tmp_path, files) == ["tools", "lib"]
    assert roots(tmp_path, files, ("lib", ".")) == ["lib", ""]


@pytest.mark.parametrize("folder", ["../other", "/etc", "missing", "a\0b", "x" * 5000])
def test_a_root_that_is_given_must_be_a_folder_inside(tmp_path: Path, folder: str) -> None:
    with pytest.raises(BadProject, match="no folder inside"):
        roots(tmp_path, FILES, (folder,))


def test_a_root_behind_a_link_is_none(tmp_path: Path) -> None:
    outside = make_tree(tmp_path / "outside", {"x.py": ""})
    root = make_tree(tmp_path / "tree", {"a.py": "", "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = "out"'})
    (root / "out").symlink_to(outside)
    assert [each.folder for each in find_roots(open_tree(root))] == [""]


def test_a_tree_that_is_a_package_has_a_root_above_it(tmp_path: Path) -> None:
    make_tree(tmp_path / "outer", {"__init__.py": "", "inner/__init__.py": "", "inner/a.py": "", "inner/b/c.py": ""})
    (root,) = find_roots(open_tree(tmp_path / "outer" / "inner"))
    assert root.prefix == "outer.inner"
    assert root.name_of("a.py") == "outer.inner.a"
    assert root.name_of("__init__.py") == "outer.inner"
    assert root.place_of("outer.inner.b.c") == "b/c"
    assert root.place_of("outer.inner") == ""
    assert root.place_of("outer.other") is None


def test_what_has_no_name(tmp_path: Path) -> None:
    root = Root("lib")
    assert root.name_of("lib/p/a.py") == "p.a"
    assert root.name_of("lib/__init__.py") is None
    assert root.name_of("lib/my-tools/a.py") is None
    assert root.name_of("lib/class/a.py") is None
    assert root.name_of("library/a.py") is None


LIES = [
    '[tool.pytest.ini_options]\npythonpath = ["../..", "/etc", "missing", 3, {a = 1}]',
    "[tool.pytest]\nini_options = 3",
    "tool = 3",
    "[tool.setuptools.packages]\nfind = [1]",
    '[tool.setuptools]\npackage-dir = ["a"]\n[tool.poetry]\npackages = [3, {from = ["../x"]}, {from = 4}]',
    "[tool.hatch.build.targets.wheel]\npackages = {a = 1}\n[tool.pdm]\nbuild = 1",
    "[tool.strata.imports]\nroots = {}",
    "x = " + "[" * 5000,
    "x = " + "9" * 10_000,
    "a" + ".a" * 5000 + " = 1",
    "not toml at all \0",
    "# " + "x" * (2 << 20),
    "[project]\nscripts = 3\nentry-points = {a = 3, b = {c = 4}}",
]


@pytest.mark.parametrize("text", LIES)
def test_a_configuration_that_lies_says_nothing(tmp_path: Path, text: str) -> None:
    assert roots(tmp_path, FILES | {"pyproject.toml": text}) == ["src", ""]
    assert list(read_configuration(tmp_path).entry_points()) == []


@pytest.mark.parametrize("text", ["[pytest", "pythonpath = x", "[pytest]\n  pythonpath\n[pytest]\n", "[\0]\na=1", "%("])
@pytest.mark.parametrize("file", ["pytest.ini", "tox.ini", "setup.cfg"])
def test_an_ini_file_that_lies_says_nothing(tmp_path: Path, file: str, text: str) -> None:
    assert roots(tmp_path, FILES | {file: text}) == ["src", ""]


INI = st.text("ab=:[]#; \n\t%", max_size=60).map("[pytest]\n{}\n[options]\npackage_dir =\n  = src\n".format)


@given(INI)
def test_ini_files_are_read_as_configparser_reads_them(text: str) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    with tempfile.TemporaryDirectory() as folder:
        make_tree(Path(folder), {"tox.ini": text})
        found = read_configuration(Path(folder)).ini["tox.ini"]
    expected = {section: {k: v.split() for k, v in parser.items(section)} for section in parser.sections()}
    assert {section: {k: v.split() for k, v in options.items()} for section, options in found.items()} == expected


def test_configuration_bytes_that_are_no_text(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": "", "pyproject.toml": b"\xff", "tox.ini": b"\xff"})
    assert [root.folder for root in find_roots(open_tree(tmp_path))] == [""]


def test_entry_points_of_every_kind(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "pyproject.toml": '[project.scripts]\na = "p.a:f"\n[project.gui-scripts]\nb = "p.b:f"\n'
            '[project.entry-points."x.y"]\nc = "p.c"\n[tool.poetry.scripts]\nd = "p.d:f"\n'
            '[tool.poetry.plugins."z"]\ne = "p.e:f"\n',
            "setup.cfg": "[options.entry_points]\nconsole_scripts =\n  f = p.f:main\n  g = p.g:main\n",
        },
    )
    found = list(read_configuration(tmp_path).entry_points())
    assert [value for _, value in found] == ["p.a:f", "p.b:f", "p.d:f", "p.c", "p.e:f", "p.f:main", "p.g:main"]
    assert {file for file, _ in found} == {"pyproject.toml", "setup.cfg"}
