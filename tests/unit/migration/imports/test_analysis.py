"""A whole project, read by one process or several, and again after a change."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from strata.migration.imports import Analysis, analyse, broken_imports, facts_file, reading
from strata.migration.project import BadProject
from tests.support.trees import make_tree

MANY = {f"p/m{n}.py": f"import os\nfrom . import m{n + 1}\n" for n in range(300)} | {"p/__init__.py": "", "bad.py": "("}


def parts(analysis: Analysis) -> tuple:
    return analysis.tree, analysis.files, analysis.evidence, analysis.names, analysis.problems


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    make_tree(tmp_path, MANY)
    steps: list[tuple[int, int]] = []
    alone = analyse(tmp_path, workers=1)
    together = analyse(tmp_path, workers=3, progress=lambda *step: steps.append(step))
    assert parts(alone) == parts(together)
    assert steps == [(n, 302) for n in range(1, 303)]
    assert [each.path for each in together.problems] == ["bad.py"]


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, kept = (
        make_tree(tmp_path / "tree", {"a.py": "import os", "b.py": "(", "c.py": ""}),
        tmp_path / "kept" / "facts",
    )
    first = analyse(root, kept=kept)
    (root / "a.py").write_text("import sys, os")
    (root / "c.py").unlink()
    (root / "d.py").touch()
    read: list[str] = []
    real = reading.read_facts
    noting = replace(reading._FACTS, read=lambda root, paths: real(root, [read.append(p) or p for p in paths]))
    monkeypatch.setattr(reading, "_FACTS", noting)
    second = analyse(root, kept=kept)
    assert read == ["a.py", "d.py"]
    assert parts(second) == parts(analyse(root))
    assert second.files["b.py"] == first.files["b.py"]
    read.clear()
    assert parts(analyse(root, kept=kept)) == parts(second)
    assert read == []
    assert (kept.parent / ".gitignore").read_text() == "*\n"


def test_a_file_of_the_same_size_and_another_time_is_read_again(tmp_path: Path) -> None:
    root, kept = make_tree(tmp_path / "tree", {"a.py": "import os"}), tmp_path / "kept"
    analyse(root, kept=kept)
    (root / "a.py").write_text("import re")
    os.utime(root / "a.py", ns=(1, 1))
    assert analyse(root, kept=kept).files["a.py"].statements[0].written == "import re"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"version": 1}', "[" * 100_000, '{"version": VERSION, "root": "ROOT", "files": 3}',
     '{"version": VERSION, "root": "ROOT", "files": [[[1, 2], ["a.py"]]]}',
     '{"version": VERSION, "root": "/other", "files": []}'],
)  # fmt: skip
def test_what_was_kept_and_makes_no_sense_is_read_anew(tmp_path: Path, text: str) -> None:
    from strata.migration.imports.analysis import VERSION

    root, kept = make_tree(tmp_path / "tree", {"a.py": "import os"}), tmp_path / "kept"
    kept.write_text(text.replace("VERSION", str(VERSION)).replace("ROOT", str(root.resolve())))
    assert analyse(root, kept=kept).files["a.py"].statements[0].written == "import os"
    assert json.loads(kept.read_text())["root"] == str(root.resolve())


def test_each_project_has_a_file_of_its_own(tmp_path: Path) -> None:
    one, other = facts_file(tmp_path, tmp_path / "a"), facts_file(tmp_path, tmp_path / "b")
    assert one != other
    assert one.parent == tmp_path / "imports"
    assert facts_file(tmp_path, tmp_path / "b" / ".." / "a") == one


def interpreter(folder: Path, fault: str) -> str:
    """Stands for one with a fault in its parser."""
    code = f"""#!{sys.executable}
import os, sys
from strata.migration.imports import worker
real = worker.scan
def scan(path, data):
    {fault}
    return real(path, data)
worker.scan = scan
worker.serve(worker.read_facts)
"""
    (folder / "python").write_text(code)
    (folder / "python").chmod(0o755)
    return str(folder / "python")


def test_a_file_that_ends_the_interpreter_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", interpreter(tmp_path, "if b'crash' in data: os.kill(os.getpid(), 11)"))
    make_tree(tmp_path / "tree", MANY | {"p/m7.py": "crash", "p/m8.py": "crash"})
    found = analyse(tmp_path / "tree", workers=2)
    assert {each.path: each.code for each in found.problems} == {
        "bad.py": "syntax",
        "p/m7.py": "crash",
        "p/m8.py": "crash",
    }
    assert len(found.files) == 302
    assert found.files["p/m9.py"].statements


def test_a_file_that_hangs_the_interpreter_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", interpreter(tmp_path, "while True: pass"))
    monkeypatch.setattr(reading, "SECONDS", 0.1)
    monkeypatch.setattr(reading, "FEW", 1)
    make_tree(tmp_path / "tree", {"a.py": "", "b.py": ""})
    assert [each.code for each in analyse(tmp_path / "tree", workers=2).problems] == ["crash", "crash"]


def test_an_interpreter_that_does_not_start_is_no_fault_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    monkeypatch.setattr(reading, "FEW", 1)
    make_tree(tmp_path / "tree", {"a.py": "", "b.py": ""})
    with pytest.raises(RuntimeError, match="does not run"):
        analyse(tmp_path / "tree", workers=2)


def test_no_process_is_left_when_it_is_interrupted(tmp_path: Path) -> None:
    make_tree(tmp_path, MANY)
    code = (
        "import os, signal, sys, subprocess\n"
        "from pathlib import Path\n"
        "from strata.migration.imports import analyse\n"
        "def stop(done, total):\n"
        "    if done == 70:\n"
        "        here = str(os.getpid())\n"
        "        print(*[p.parent.name for p in Path('/proc').glob('[0-9]*/stat')\n"
        "                if p.read_text().rpartition(')')[2].split()[1] == here], flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "analyse(Path(sys.argv[1]), workers=2, progress=stop)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert "KeyboardInterrupt" in done.stderr
    workers = done.stdout.split()
    assert len(workers) == 2
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_bad_roots_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadProject, match="no folder inside"):
        analyse(make_tree(tmp_path, {"a.py": ""}), ["../x"])


def test_broken_imports(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "p/__init__.py": "from . import a, none\nfrom .gone import x\nimport p.gone, os\n",
            "p/a.py": "try:\n from .gone import x\nexcept ImportError:\n from p.gone import x\nimport external\n",
            "p/b.py": "def f():\n from ...q import x\nif TYPE_CHECKING:\n from .gone import y\n",
            "top.py": "from . import x\n",
            "my-tools/x.py": "from . import x\nimport p.gone\nimport y\n",
            "my-tools/y.py": "",
            "p/to-b.py": "from . import b\nfrom . import gone\n",
        },
    )
    found = [
        (each.path, each.statement.line, each.origin.value, each.module) for each in broken_imports(analyse(tmp_path))
    ]
    assert found == [
        ("my-tools/x.py", 1, "no-package", ""),
        ("my-tools/x.py", 2, "missing", "p.gone"),
        ("p/__init__.py", 2, "missing", "p.gone"),
        ("p/__init__.py", 3, "missing", "p.gone"),
        ("p/b.py", 2, "beyond-top-level", ""),
        ("p/b.py", 4, "missing", "p.gone"),
        ("top.py", 1, "no-package", ""),
    ]


def test_what_a_compiled_module_or_a_changed_path_has_is_not_broken(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "p/__init__.py": "from p._native.inner import x\nfrom .six.moves import y\nfrom .six.moves.a import z\n",
            "p/_native.abi3.so": "",
            "p/six.py": "__path__ = []\n",
            "p/plain.py": "from .plain.a import x\n",
        },
    )
    assert [each.path for each in broken_imports(analyse(tmp_path))] == ["p/plain.py"]
