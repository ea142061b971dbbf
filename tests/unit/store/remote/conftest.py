"""Places of a shared store, and the simulated one that stands for them."""

from pathlib import Path

import pytest

from strata.store.remote import Remote, prepare
from tests.support import places
from tests.support.simulated import SimulatedRemote, World


@pytest.fixture(params=["simulated", "mounted", "memory", "moved", "s3"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    """Each kind of `Remote`, with nothing in it but its mark."""
    return prepare(_remote(request, tmp_path))


def _remote(request: pytest.FixtureRequest, tmp_path: Path) -> Remote:
    match request.param:
        case "simulated":
            return SimulatedRemote(World())
        case "mounted":
            return places.mounted(tmp_path).remote
        case "memory":
            return places.in_memory(tmp_path).remote
        case "moved":
            return places.moved(tmp_path).remote
    return request.getfixturevalue("bucket").remote
