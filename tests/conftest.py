"""Fixtures that every test may use."""

from pathlib import Path

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Async tests (marked `anyio`) run on trio, as the library does."""
    return "trio"


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of SmolLM2-135M-Instruct in float32, converted once a session; `make test` installs its package."""
    from strata.inference.models import ModelNotFound, resolve_model
    from strata.settings import Settings

    try:
        return resolve_model("smollm2", Settings(STRATA_HOME=tmp_path_factory.mktemp("smollm2")))
    except ModelNotFound as error:
        pytest.skip(f"NOT TESTED: {error}")
