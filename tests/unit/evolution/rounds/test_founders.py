"""Founders by folder, by name and by digest."""

from pathlib import Path

import pytest

from strata.evolution.models import put_model
from strata.evolution.rounds import Stored, enter_founder, find_founder
from strata.store import Store

SHIPPED = Path("data/evolution")


def test_a_founder_is_a_folder_or_lies_in_the_store(tmp_path: Path):
    store = Store(tmp_path / "store")
    digest = put_model(store, SHIPPED / "math", "my-run-1000").digest
    assert find_founder(store, str(SHIPPED / "coding")) == SHIPPED / "coding"
    assert find_founder(store, "my-run-1000") == Stored("my-run-1000", digest)
    assert find_founder(store, digest) == Stored(digest[:12], digest)
    assert enter_founder(store, Stored("any", digest)) == digest == enter_founder(store, SHIPPED / "math")


@pytest.mark.parametrize("text", ["no-such-run-1", "0" * 64, "no/such/folder", ".hidden", "~"])
def test_what_is_none_of_them_is_taken_for_a_folder(tmp_path: Path, text: str):
    assert find_founder(Store(tmp_path / "store"), text) == Path(text)
