"""Short names of what is shared."""

import pytest

from strata.evolution.merge import MergePool
from tests.unit.evolution.merge.models import Family


@pytest.fixture(scope="session")
def family(merge_family: Family) -> Family:
    return merge_family


@pytest.fixture(scope="session")
def pool(merge_pool: MergePool) -> MergePool:
    return merge_pool
