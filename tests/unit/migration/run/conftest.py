"""A small project with tests of its own, and where its migrations are kept."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strata.store import Store
from tests.support.trees import make_tree

MEMORY = Path("/dev/shm")  # of which a file is synced at once
TEXTS = {
    "p/__init__.py": "",
    "p/a.py": "X = 1\n",
    "p/b.py": "from p.a import X  # one\nfrom p import a\n",
    "p/c.py": "from p.b import X\r\nimport p.a\r\n",
    "p/gone.py": "from p.a import missing\n",
    "tests/test_p.py": "from p.c import X\ndef test_x(): assert X == 1\ndef test_y(): assert X == 2\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree", TEXTS)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) as folder:
        home = Path(folder)
        yield {"home": home, "store": Store(home / "store"), "ledger": f"sqlite:///{home / 'ledger.sqlite'}"}
