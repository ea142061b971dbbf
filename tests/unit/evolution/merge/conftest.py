"""One family of models, and one pool with one worker, for all tests: a worker takes seconds to start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.evolution.merge import MergePool
from strata.store import Store
from tests.unit.evolution.merge.models import Family, write_model


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Family:
    home: Path = tmp_path_factory.mktemp("family")
    made = Family(Store(home / "store"), {}, {})
    for seed, name in enumerate(("base", "one", "two")):
        made.add(name, write_model(home / name, seed))
    return made


@pytest.fixture(scope="session")
def pool(family: Family) -> Iterator[MergePool]:
    with MergePool(family.store) as made:
        yield made
