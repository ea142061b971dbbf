"""The migration flow on a small project: what it changes and leaves in the ledger and the store, and the way back."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from flows import migration_summary
from flows.migration import run
from strata.migration.run import Migrating, roll_back
from strata.settings import Settings
from strata.store import Ledger, Store
from tasks.migration_parameters import SAMPLE, MigrationParameters
from tasks.migration_report import page_path, picture_path
from tasks.migration_sample import fresh_sample
from tests.support.trees import make_tree

pytestmark = pytest.mark.usefixtures("prefect_api")

# `shop.b.price` is used by `shop.a` alone, so that it belongs there.
PROJECT = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
    "src/shop/__init__.py": "",
    "src/shop/a/__init__.py": "",
    "src/shop/a/one.py": "from shop.b.price import price  # kept\nONE = price(1)\n",
    "src/shop/a/two.py": "from shop.b.price import price\nfrom shop.a.one import ONE\nTWO = price(ONE)\n",
    "src/shop/a/three.py": "from shop.b.price import price\nTHREE = price(3)\n",
    "src/shop/b/__init__.py": "",
    "src/shop/b/price.py": "def price(n):\n    return 2 * n\n",
    "src/shop/b/other.py": "X = 1\n",
    "src/shop/b/more.py": "from shop.b.other import X\nY = X\n",
    "src/shop/run.py": 'from shop.a.two import TWO\nif __name__ == "__main__":\n    print(TWO)\n',
    "tests/test_shop.py": "from shop.a.two import TWO\n\n\ndef test_two():\n    assert TWO == 4\n",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    return Settings()


def bytes_of(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in sorted(tree.rglob("*.py"))}


def test_a_project_is_migrated_told_and_brought_back(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tree = make_tree(tmp_path / "project", PROJECT)
    original = bytes_of(tree)
    outcome = run(MigrationParameters(tree=str(tree)))

    assert [(each.module, each.new) for each in outcome.moves.made] == [("shop.b.price", "shop.a.price")]
    assert (tree / "src/shop/a/one.py").read_text() == "from .price import price  # kept\nONE = price(1)\n"
    assert (tree / "src/shop/run.py").read_bytes() == original["src/shop/run.py"]
    assert {left.code for left in outcome.account.left} == {"script"}
    assert outcome.account.measures["imports across packages (module pairs)"] == (4, 1)
    assert (outcome.account.tests.passed_before, outcome.account.tests.passed_after) == (1, 1)
    with Ledger(home.ledger) as ledger:
        (recorded,) = ledger.runs()
    assert (recorded.pipeline, recorded.state, recorded.figures["moves"]) == ("migration", "completed", 1)
    assert page_path(home).read_bytes() == Store(home.store_root).read(outcome.guide.digest)
    assert outcome.account.undo.startswith(f"STRATA_HOME={home.home} strata imports rollback --tree {tree};")
    assert picture_path(home).read_bytes().startswith(b"\x89PNG")

    written = io.StringIO()
    monkeypatch.setattr(migration_summary, "console", Console(file=written, width=120))
    migration_summary.show(outcome)
    assert "shop.b.price -> shop.a.price (shim)" in written.getvalue()
    assert "for the reason script: src/shop/run.py:1" in written.getvalue()
    assert json.dumps(migration_summary.as_dictionary(outcome))

    for _ in ("imports", "moves"):
        assert not roll_back(tree, home=home.home, store=Store(home.store_root), ledger=home.ledger).left
    assert bytes_of(tree) == original


def test_a_second_run_changes_nothing(home: Settings, tmp_path: Path):
    tree = make_tree(tmp_path / "project", PROJECT)
    parameters = MigrationParameters(tree=str(tree), dynamic=False)
    run(parameters)
    changed = bytes_of(tree)
    outcome = run(parameters)
    assert bytes_of(tree) == changed
    assert (outcome.account.changed_files, outcome.moves) == (0, None)


@pytest.mark.parametrize("switch", ["ARCHAEOLOGICAL_PHASE_2_ENABLED", "ARCHAEOLOGICAL_IMPORT_STANDARDIZATION"])
def test_switched_off_it_says_so_and_touches_nothing(home: Settings, monkeypatch: pytest.MonkeyPatch, switch: str):
    monkeypatch.setenv(switch, "false")
    state = run(MigrationParameters(tree="/nowhere"), return_state=True)
    assert (state.name, switch in state.message) == ("Skipped", True)


def test_without_the_coupling_analysis_no_module_moves(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHON_COUPLING_ANALYSIS", "false")
    outcome = run(MigrationParameters(tree=str(make_tree(tmp_path / "project", PROJECT)), dynamic=False))
    assert outcome.moves is None
    assert outcome.account.converted == 5


def test_a_folder_without_python_says_what_to_do(home: Settings, tmp_path: Path):
    state = run(MigrationParameters(tree=str(tmp_path)), return_state=True)
    with pytest.raises(Exception, match=r"no Python file.*What to do: name a folder with Python files"):
        state.result()


def test_the_sample_is_copied_anew_for_each_run(home: Settings):
    copy = fresh_sample(Path(SAMPLE), home)
    (copy / "pyproject.toml").unlink()
    assert (fresh_sample(Path(SAMPLE), home) / "pyproject.toml").is_file()


def test_many_files_are_spread_over_processes(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the tasks are given, and the globals that they name, must be such as can go there."""
    tree = make_tree(tmp_path / "project", PROJECT)
    whole = Migrating.batches
    monkeypatch.setattr(Migrating, "batches", lambda self: whole(self, 2))
    outcome = run(MigrationParameters(tree=str(tree), dynamic=False, refactor=False))
    assert outcome.account.changed_files == 4
    assert (tree / "src/shop/b/more.py").read_text() == "from .other import X\nY = X\n"
