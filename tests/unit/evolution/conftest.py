"""One family of models, and one pool with one worker, for all tests that merge: a worker takes seconds to start."""

from collections.abc import Iterator

import pytest

from strata.evolution.merge import MergePool
from tests.unit.evolution.merge.models import Family, make_family


@pytest.fixture(scope="session")
def merge_family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return make_family(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="session")
def merge_pool(merge_family: Family) -> Iterator[MergePool]:
    """On the store of the family."""
    with MergePool(merge_family.store) as made:
        yield made
