"""What several tests of the coordinator begin with."""

from pathlib import Path

import pytest

from tests.support.nodes import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Llama."""
    path = tmp_path_factory.mktemp("llama")
    tiny_llama(path)
    return path
