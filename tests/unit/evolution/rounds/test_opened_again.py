"""A workshop on the shipped models, opened again after something broke; no worker process is started for it."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from strata.evolution.lineage import damage
from strata.evolution.rounds import Demands, Order, open_workshop
from strata.store import Store
from tests.support.lineage import spoil

SHIPPED = Path("data/evolution")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def opened(home: Path, *parents: Path, base: Path | None = SHIPPED / "base"):
    order = Order(parents, base, Demands(search_items=4))
    return open_workshop(order, home, Store(home / "store"), f"sqlite:///{home / 'ledger.sqlite'}")


def test_what_was_damaged_is_mended_or_done_without(home: Path):
    parents = [SHIPPED / "coding", SHIPPED / "math"]
    with opened(home, *parents) as shop:
        store, base, coding = shop.parts.store, shop.founders["base"], shop.founders["coding"]
        assert shop.parts.championship.standing().digest == base
    spoil(store, base)
    spoil(store, coding, remove=True)
    with opened(home, *parents) as shop:
        assert damage(store, base) is None
        assert damage(store, coding) is None
        told = [(each.kind, each.subject, each.state) for each in shop.parts.incidents.recent()]
        assert sorted(told) == sorted(("damaged model", model, "resolved") for model in (base, coding))
        # The base is the anchor of all that come after it.
        assert shop.rounds._anchor == base
        shop.parts.championship.promote(coding, expected=base, reason="by hand")
    # Without the base's folder it cannot be mended, and the first champion that is whole takes its part.
    spoil(store, base)
    with opened(home, *parents, base=None) as shop:
        assert shop.rounds._anchor == coding
    assert list((home / "store" / "merging").iterdir()) == []


def test_a_parent_whose_weights_are_nan_is_left_out_of_the_space(home: Path, tmp_path: Path):
    diverged = tmp_path / "diverged"
    shutil.copytree(SHIPPED / "math", diverged)
    tensors = load_file(diverged / "model.safetensors")
    tensors["lm_head.weight"][3, 4] = float("nan")
    save_file(tensors, diverged / "model.safetensors", {"format": "pt"})
    with opened(home, SHIPPED / "coding", diverged) as shop:
        assert sorted(shop.founders) == ["base", "coding"]
        assert shop.rounds._space.parents == (shop.founders["coding"],)
        (incident,) = shop.parts.incidents.open_ones("evolution", "spoiled founder", "diverged")
        assert "1 weights are NaN or infinite, 1 of them in lm_head.weight" in incident.detail
    with opened(home, SHIPPED / "coding") as shop:
        assert shop.parts.incidents.open_ones("evolution") == ()
