"""What a project's configuration says about how its files are run."""

from pathlib import Path

import pytest

from strata.migration.imports import Analysis, How, Via, analyse
from strata.migration.project import decode
from tests.support.trees import make_tree

FILES = {
    "p/__init__.py": "",
    "p/a.py": "",
    "p/b.py": "",
    "tools/x.py": "",
    "tools/y.py": "",
    "tools/deep/z.py": "",
}


def read(folder: Path, files: dict[str, str]) -> Analysis:
    return analyse(make_tree(folder, FILES | files))


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("Makefile", "all:\n\tpython tools/x.py --flag\n", {"tools/x.py"}),
        ("Makefile", "all:\n\t$(PYTHON) tools/x.py\n\t${PY} ./tools/y.py\n", {"tools/x.py", "tools/y.py"}),
        ("Makefile", "all:\n\tpython -u \\\n\t  tools/x.py\n", {"tools/x.py"}),
        ("tools/Makefile", "all:\n\tpython x.py\n", {"tools/x.py"}),
        (
            "tox.ini",
            "[testenv]\ncommands =\n  python -m doctest p/a.py\n  coverage run --source p {posargs}\n",
            {"p/a.py"},
        ),
        ("tox.ini", "[testenv]\nchangedir = tools\ncommands = python x.py\n", {"tools/x.py"}),
        ("run.sh", "cd tools && python3 x.py\n", {"tools/x.py"}),
        ("run.sh", "./tools/x.py\n", {"tools/x.py"}),
        ("run.sh", "for f in tools/*.py; do $run $f; done\n", {"tools/x.py", "tools/y.py"}),
        ("run.sh", "python ../outside.py /etc/x.py missing.py\n", set()),
        (".github/workflows/ci.yml", "jobs:\n  a:\n    steps:\n    - run: uv run tools/x.py\n", {"tools/x.py"}),
        (
            ".github/workflows/ci.yml",
            "steps:\n- working-directory: tools\n  run: |\n    python deep/z.py\n",
            {"tools/deep/z.py"},
        ),
        ("x.yaml", 'command: ["python", "tools/x.py"]\n', {"tools/x.py"}),
        ("pyproject.toml", "[tool.poe.tasks]\na = 'python tools/x.py'\n", {"tools/x.py"}),
        ("pyproject.toml", "[tool.coverage.run]\nomit = ['tools/x.py']\n", set()),
        ("setup.cfg", "[x]\nrun = python tools/x.py\n", {"tools/x.py"}),
        ("Makefile", "all:\n\tpython -m pytest tools/x.py\n\tpython -m mypy p/a.py\n\truff check p/b.py\n", set()),
        ("Dockerfile", 'CMD ["python", "tools/x.py"]\n', {"tools/x.py"}),
    ],
)
def test_files_run_by_path(tmp_path: Path, file: str, text: str, expected: set[str]) -> None:
    found = read(tmp_path, {file: text})
    assert dict(found.evidence.by_path) == dict.fromkeys(expected, file)
    for path in expected:
        assert found.names[path][-1].how is How.SCRIPT


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("spec_from_file_location('n', os.path.join(os.path.dirname(__file__), 'b.py'))", {"p/b.py"}),
        ("spec_from_file_location('n', root / 'tools' / 'deep' / 'z.py')", {"tools/deep/z.py"}),
        ("runpy.run_path('tools/x.py')", {"tools/x.py"}),
        ("subprocess.run([sys.executable, 'tools/y.py'])", {"tools/y.py"}),
        ("SourceFileLoader('n', '../tools/x.py')", {"tools/x.py"}),
        ("runpy.run_path('nowhere.py')", set()),
    ],
)
def test_files_run_by_other_code(tmp_path: Path, code: str, expected: set[str]) -> None:
    found = read(tmp_path, {"p/a.py": code + "\n"})
    assert dict(found.evidence.by_path) == dict.fromkeys(expected, "p/a.py")


def test_files_that_tools_run(tmp_path: Path) -> None:
    found = read(tmp_path, {"setup.py": "", "docs/conf.py": "", "p/conf.py": "", "p/setup.py": ""})
    assert dict(found.evidence.by_path) == {"setup.py": "setuptools", "docs/conf.py": "Sphinx"}


def test_modules_run_by_name(tmp_path: Path) -> None:
    files = {
        "Makefile": "all:\n\tpython -m p.a && python -m pip install x\n",
        "p/b.py": "run([sys.executable, '-m', 'tools.x'])",
    }
    found = read(tmp_path, files)
    assert found.evidence.as_main == {"p.a", "tools.x"}
    assert [name.how for name in found.names["p/a.py"]] == [How.IMPORT, How.MODULE]
    assert [name.how for name in found.names["tools/x.py"]] == [How.IMPORT, How.MODULE]


def test_references_have_their_places(tmp_path: Path) -> None:
    text = '[project]\nname = "é"\n[project.scripts]\n"é" = "p.a:main"\n[tool.x]\nrun = "é; python -m p.b"\n'
    found = read(tmp_path, {"pyproject.toml": text})
    source = decode(text.encode())
    references = found.evidence.references["pyproject.toml"]
    assert {each.via for each in references} == {Via.ENTRY_POINT, Via.RUN_MODULE}
    for each in references:
        assert source.text[source.offset(each.start) : source.offset(each.end)] == each.value
    assert {each.value for each in references} == {"p.a:main", "p.b"}


@pytest.mark.parametrize(
    ("file", "text", "importlib"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "-q --import-mode=importlib"', True),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = ["--import-mode", "importlib"]', True),
        ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "--import-mode=append"', False),
        ("pytest.ini", "[pytest]\naddopts = --import-mode=importlib", True),
        ("tox.ini", "[pytest]\naddopts =\n  -q\n  --import-mode importlib", True),
        ("setup.cfg", "[tool:pytest]\naddopts = --import-mode=importlib", True),
        ("setup.cfg", "[pytest]\naddopts = --import-mode=importlib", False),
        ("pytest.ini", "[pytest]\naddopts = --import-mode=importlib --import-mode=prepend", False),
    ],
)
def test_pytest_s_import_mode(tmp_path: Path, file: str, text: str, importlib: bool) -> None:
    assert read(tmp_path, {file: text}).evidence.importlib_mode is importlib


def test_pytest_reads_one_file_only(tmp_path: Path) -> None:
    files = {
        "pytest.ini": "[pytest]\n",
        "pyproject.toml": '[tool.pytest.ini_options]\naddopts = "--import-mode=importlib"',
    }
    assert not read(tmp_path, files).evidence.importlib_mode


def test_hostile_configuration(tmp_path: Path) -> None:
    make_tree(tmp_path, FILES)
    (tmp_path / "Makefile").write_bytes(b"\xff python tools/x.py")
    (tmp_path / "a.sh").write_text("python " + "a/" * 100_000 + "x.py " + "*" * 50_000 + ".py " + "[" * 50_000 + "\n")
    (tmp_path / "b.sh").write_text("python -m " + "a." * 100_000 + "a\n" + "cd " * 50_000)
    (tmp_path / "c.sh").write_text(("python " + "../" * 50 + "*" * 30 + "x.py\n") * 2000)
    (tmp_path / "pyproject.toml").write_text(
        "[project.scripts]\n" + "".join(f'a{n} = "p.a:f{n}"\n' for n in range(10_000))
    )
    found = analyse(tmp_path).evidence
    assert dict(found.by_path) == {}
    assert len(found.references["pyproject.toml"]) == 1000
