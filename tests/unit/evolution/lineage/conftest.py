"""A store, a ledger, and a championship over both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.evolution.lineage import Championship, Family
from strata.store import Store
from tests.support.lineage import FakeMerge


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


@pytest.fixture
def merge(store: Store) -> FakeMerge:
    return FakeMerge(store)


@pytest.fixture
def family(store: Store, ledger: str) -> Iterator[Family]:
    with Family(store, ledger) as family:
        yield family


@pytest.fixture
def championship(store: Store, ledger: str) -> Iterator[Championship]:
    with Championship(store, ledger) as championship:
        yield championship
