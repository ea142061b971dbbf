"""A tree, and a journal of it."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strata.migration.journal import Journal
from strata.store import Store
from tests.support.trees import make_tree

TEXTS = {"p/__init__.py": "", "p/a.py": "import p.b\n", "p/b.py": "X = 1\r\n", "q/c.py": "import p\n"}


MEMORY = Path("/dev/shm")  # of which a file is synced at once


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where the store and the ledger are."""
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree", TEXTS)


@pytest.fixture
def opened(home: Path) -> Iterator[Callable[[Path], Journal]]:
    """Opens journals, and closes them."""
    journals = []

    def open_journal(root: Path) -> Journal:
        journals.append(Journal(root, Store(home / "store"), f"sqlite:///{home / 'ledger.sqlite'}", home / "locks"))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close()


@pytest.fixture
def journal(tree: Path, opened: Callable[[Path], Journal]) -> Journal:
    return opened(tree)


@pytest.fixture
def repository(tree: Path) -> Path:
    """The tree, committed."""
    (tree / ".gitignore").write_text("build/\n")
    for command in (["init", "-q"], ["add", "-A"], ["-c", "user.name=n", "-c", "user.email=e@e", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", str(tree), *command], check=True, capture_output=True)
    return tree
