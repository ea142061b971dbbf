"""Fixtures that every test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.capture import LoopbackCapture, can_capture

# The same examples in every run, and no time limit for one: a busy machine is not a bug.
settings.register_profile("strata", derandomize=True, deadline=None)
settings.load_profile("strata")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests (marked `anyio`) run on trio, as the library does."""
    return "trio"


@pytest.fixture(scope="session")
def smollm2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of SmolLM2-135M-Instruct in float32, converted once a session; `make test` installs its package."""
    from strata.inference.models.resolve import ModelNotFound, resolve_model
    from strata.settings import Settings

    try:
        return resolve_model("smollm2", Settings(STRATA_HOME=tmp_path_factory.mktemp("smollm2")))
    except ModelNotFound as error:
        pytest.skip(f"NOT TESTED: {error}")


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Prefect server that runs for the session, which flows in this process use."""
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with pytest.MonkeyPatch.context() as environment:
        # The server is a process of its own: it reads the environment, and must not touch the user's ~/.prefect.
        environment.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        environment.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        environment.setenv("DO_NOT_TRACK", "1")
        with prefect_test_harness(server_startup_timeout=120):
            yield PREFECT_API_URL.value()


@pytest.fixture
def loopback_capture() -> type[LoopbackCapture]:
    """`with loopback_capture(ports) as capture:` records loopback TCP; skipped where packet sockets are forbidden."""
    if not can_capture():
        pytest.skip("NOT TESTED: capturing loopback traffic needs Linux and CAP_NET_RAW")
    return LoopbackCapture
