"""Founders from their folders: entered, mended, left out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from strata.errors import StrataError
from strata.evolution.lineage import Family, damage
from strata.evolution.models import put_model
from strata.evolution.rounds import Stored
from strata.evolution.rounds.entering import SPOILED, Founders
from strata.store import IncidentLog, Store
from tests.support.lineage import spoil


def write(folder: Path, value: float) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text("{}")
    save_file({"weight": torch.full((4,), value)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def founders(tmp_path: Path) -> Iterator[Founders]:
    parents = [write(tmp_path / name, value) for name, value in (("one", 1.0), ("two", 2.0))]
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with Family(Store(tmp_path / "store"), ledger) as family, IncidentLog(ledger) as incidents:
        yield Founders(family, incidents, parents, write(tmp_path / "base", 0.0))


def test_founders_are_entered_by_name(founders: Founders):
    found = founders.enter()
    assert sorted(found) == ["base", "one", "two"]
    assert {record.name: record.digest for record in founders.family.lineage.founders()} == found
    assert founders.incidents.recent() == ()


@pytest.mark.parametrize("enter", [True, False])
@pytest.mark.parametrize("remove", [True, False])
def test_a_damaged_founder_is_mended_from_its_folder(founders: Founders, *, enter: bool, remove: bool):
    found = founders.enter()
    spoil(founders.family.store, found["two"], remove=remove)
    assert founders.enter() == found if enter else founders.mend() == (found["two"],)
    assert damage(founders.family.store, found["two"]) is None
    (incident,) = founders.incidents.recent()
    assert (incident.kind, incident.subject, incident.state) == ("damaged model", found["two"], "resolved")
    assert incident.response == f"stored again from {founders.parents[1]}"


def test_a_model_of_the_store_is_a_founder_without_a_folder(founders: Founders, tmp_path: Path):
    store = founders.family.store
    kept = Stored("run-7", put_model(store, write(tmp_path / "checkpoint", 4.0)).digest)
    bad = Stored("run-8", put_model(store, write(tmp_path / "checkpoint", float("nan"))).digest)
    these = replace(founders, parents=[kept, bad], base=None)
    assert these.enter() == {"run-7": kept.digest}
    (incident,) = founders.incidents.recent()
    assert (incident.subject, incident.state) == ("run-8", "open")
    # Nothing is there that it could be mended from, and nothing says that it was.
    spoil(store, kept.digest)
    assert these.mend() == ()
    with pytest.raises(StrataError):
        these.enter()


def test_a_founder_whose_folder_has_changed_is_named(founders: Founders):
    found = founders.enter()
    write(founders.parents[1], 3.0)
    spoil(founders.family.store, found["two"])
    assert founders.mend() == ()
    assert founders.enter()["two"] != found["two"]
    (incident,) = founders.incidents.recent()
    assert (incident.subject, incident.state) == (found["two"], "open")
    assert "has other files than two had: put those back" in incident.detail


def test_a_founder_whose_folder_is_gone_is_named(founders: Founders):
    found = founders.enter()
    spoil(founders.family.store, found["two"])
    for file in founders.parents[1].iterdir():
        file.unlink()
    founders.parents[1].rmdir()
    assert founders.mend() == ()
    assert founders.incidents.recent()[0].state == "open"
    with pytest.raises(StrataError, match="two holds no model"):
        founders.enter()


def test_a_parent_that_is_not_finite_is_left_out_until_it_is(founders: Founders):
    write(founders.parents[0], float("nan"))
    for _ in range(2):
        assert sorted(founders.enter()) == ["base", "two"]
        (incident,) = founders.incidents.recent()
        assert (incident.kind, incident.subject, incident.state) == (SPOILED, "one", "open")
        assert "4 weights are NaN or infinite" in incident.detail
        assert len(founders.family.lineage.founders()) == 2
    write(founders.parents[0], 5.0)
    assert sorted(founders.enter()) == ["base", "one", "two"]
    assert founders.incidents.recent()[0].state == "resolved"


def test_nothing_can_be_bred_of_a_spoiled_base_or_without_parents(founders: Founders):
    write(founders.base, float("inf"))
    with pytest.raises(StrataError, match="the base model"):
        founders.enter()
    write(founders.base, 0.0)
    for parent in founders.parents:
        write(parent, float("nan"))
    with pytest.raises(StrataError, match="no parent is left"):
        founders.enter()


def test_two_of_one_name_are_refused(founders: Founders, tmp_path: Path):
    (tmp_path / "other").mkdir()
    twice = Founders(
        founders.family, founders.incidents, [*founders.parents, write(tmp_path / "other" / "one", 9.0)], None
    )
    with pytest.raises(StrataError, match="the same name: one, two, one"):
        twice.enter()
