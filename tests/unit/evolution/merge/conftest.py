"""One family of models, and one pool with one worker, for all tests: a worker takes seconds to start."""

from collections.abc import Iterator

import pytest

from strata.evolution.merge import MergePool
from tests.unit.evolution.merge.models import Family, make_family


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    return make_family(tmp_path_factory.mktemp("family"))


@pytest.fixture(scope="session")
def pool(family: Family) -> Iterator[MergePool]:
    with MergePool(family.store) as made:
        yield made
