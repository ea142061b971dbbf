"""What conftest files put on `sys.path`: compared with what they do when they are run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from strata.migration.project import find_roots, open_tree
from strata.migration.project.syspath import added_folders
from tests.support.trees import make_tree

FORMS = [
    "sys.path.insert(0, os.path.dirname(__file__))",
    "sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))",
    "sys.path.append(os.path.join(os.path.dirname(__file__), 'b', '..', '..', 'lib'))",
    "sys.path.append(os.path.join(os.path.dirname(__file__), os.pardir, 'lib'))",
    "sys.path.insert(0, str(Path(__file__).parent.parent / 'lib'))",
    "sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'lib' / 'x'))",
    "sys.path.insert(0, Path(__file__).parent.joinpath('..', 'lib').resolve().as_posix())",
    "sys.path.insert(0, str(pathlib.Path(__file__).absolute().parent))",
    "HERE = Path(__file__).parent\nLIB = HERE.parent / 'lib'\nsys.path.insert(0, str(LIB))",
    "HERE: Path = Path(__file__).parent\nsys.path[0:0] = [str(HERE), str(HERE.parent / 'lib')]",
    "sys.path += [os.path.dirname(__file__)]",
    "sys.path = [os.path.dirname(__file__)] + sys.path",
    "sys.path.extend([os.path.dirname(__file__)])",
    "if True:\n    sys.path.insert(0, os.path.dirname(__file__))",
    "sys.path.insert(0, os.path.join(os.getcwd(), 'lib'))",
    "sys.path.insert(0, 'lib')",
    "sys.path.insert(0, os.path.abspath('lib'))",
    "sys.path.append(str(Path('lib', 'x')))",
]


@pytest.fixture(scope="module")
def what_they_do(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The folders that each form adds, when it is run in `tests/conftest.py` of a tree."""
    root = make_tree(tmp_path_factory.mktemp("tree").resolve(), {"tests/conftest.py": ""})
    code = (
        "import sys, os, pathlib, json\nfrom pathlib import Path\n"
        "def run(form):\n"
        "    old = list(sys.path)\n"
        "    exec(form, {'sys': sys, 'os': os, 'pathlib': pathlib, 'Path': Path, '__file__': sys.argv[1]})\n"
        "    new = [p for p in sys.path if p not in old]\n"
        "    sys.path[:] = old\n"
        "    return [os.path.relpath(p).replace('.', '', 1) if os.path.relpath(p) == '.' else os.path.relpath(p)"
        " for p in new]\n"
        "forms = json.load(sys.stdin)\n"
        "print(json.dumps({form: run(form) for form in forms}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(root / "tests/conftest.py")],
        input=json.dumps(FORMS),
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("form", FORMS)
def test_read_as_it_runs(form: str, what_they_do: dict[str, list[str]]) -> None:
    text = f"import sys, os, pathlib\nfrom pathlib import Path\n{form}\n"
    assert sorted(added_folders(text.encode(), "tests/conftest.py")) == sorted(what_they_do[form])


@pytest.mark.parametrize(
    "form",
    [
        "sys.path.insert(0, '../other')",
        "sys.path.insert(0, '/etc')",
        "sys.path.insert(0, str(Path(__file__).parent.parent.parent))",
        "sys.path.insert(0, os.environ['X'])",
        "sys.path.insert(0, here)",
        "path.append('lib')",
        "x.path.append('lib')",
        "sys.path.append(os.path.join('lib', name))",
        "sys.path.append(str(Path(__file__).parents[-1]))",
        "sys.path.append(*folders)",
        "sys.path.append(Path(__file__)" + ".parent" * 5000 + ")",
        "a = " + "Path(" * 150 + "__file__" + ")" * 150 + "\nsys.path.append(a" + ".parent" * 2500 + ")",
        "sys.path.append(" + "(" * 100_000,
        "x = " + "-" * 100_000 + "1; sys.path.append('lib')",
        "sys.path.append('lib\0')",
    ],
)
def test_what_is_unknown_outside_or_too_deep_adds_nothing(form: str) -> None:
    text = f"import sys, os\nfrom pathlib import Path\n{form}\n"
    assert added_folders(text.encode(), "tests/conftest.py") == []


def test_every_conftest_is_read(tmp_path: Path) -> None:
    code = "import sys, os\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'lib'))\n"
    make_tree(
        tmp_path, {"a/conftest.py": code, "a/lib/x.py": "", "b/conftest.py": code, "b/lib/x.py": "", "c.py": code}
    )
    found = find_roots(open_tree(tmp_path))
    assert [(root.folder, root.why) for root in found[:2]] == [
        ("a/lib", "a/conftest.py puts it on sys.path"),
        ("b/lib", "b/conftest.py puts it on sys.path"),
    ]
    assert len(found) == 3
