"""Any past model from its recipe, bit for bit; where that fails, what is wrong."""

import shutil

import pytest

from strata.evolution.lineage import Child, Mismatch, Rebuilt, Unrebuildable, rebuild, verify_model
from strata.store import LedgerError
from tests.support.lineage import FakeMerge, put_files, recipe_of, spoil


@pytest.fixture
def line(family, store, merge) -> list[str]:
    """Two founders, a child of both, and a grandchild of the child and the first founder."""
    founders = [put_files(store, text) for text in (b"one" * 50, b"two" * 50)]
    for name, founder in zip("ab", founders, strict=True):
        family.add_founder(founder, name)
    models = list(founders)
    for seed, parents in enumerate((founders, None), start=1):
        recipe = recipe_of(parents or (models[2], founders[0]), seed)
        child = merge(recipe)
        family.add_child(child, recipe, seed, f"child-{seed}")
        models.append(child.digest)
    merge.calls.clear()
    return models


def test_what_is_whole_is_not_made_again_unless_afresh(family, store, merge, line) -> None:
    assert rebuild(store, family.lineage, line[3], merge) == Rebuilt(line[3], ())
    assert merge.calls == []
    assert rebuild(store, family.lineage, line[3], merge, afresh=True) == Rebuilt(line[3], (line[2], line[3]))
    assert [recipe.seed for recipe in merge.calls] == [1, 2]
    assert rebuild(store, family.lineage, line[0], merge, afresh=True) == Rebuilt(line[0], ())


@pytest.mark.parametrize("remove", [True, False])
def test_lost_ancestors_are_made_again_first(family, store, merge, line, remove: bool) -> None:
    for model in line[2:]:
        spoil(store, model, remove=remove)
    assert rebuild(store, family.lineage, line[3], merge) == Rebuilt(line[3], (line[2], line[3]))
    for model in line:
        verify_model(store, model)


def test_all_is_made_again_from_founders_and_recipes_alone(family, store, merge, line) -> None:
    recipes = [record.recipe for record in family.lineage.ancestry(line[3]) if record.recipe]
    family.release()
    store.gc(0, recipes)
    assert not store.has(line[2])
    assert rebuild(store, family.lineage, line[3], merge) == Rebuilt(line[3], (line[2], line[3]))


def test_other_bytes_are_a_mismatch_that_says_why(family, store, merge, line) -> None:
    other = FakeMerge(store, version="2")
    outcome = rebuild(store, family.lineage, line[3], other, afresh=True)
    assert isinstance(outcome, Mismatch)
    assert outcome.digest == line[2]  # the ancestor that came out differently, not what was made of it
    assert "it was made with version 1, now with version 2" in outcome.why
    assert "files that differ: model.safetensors" in outcome.why
    store.layout.blob(line[2]).unlink()
    assert "manifest is gone" in rebuild(store, family.lineage, line[2], other).why


def test_an_indeterminate_merge_is_told(family, store, merge, line) -> None:
    outcome = rebuild(store, family.lineage, line[2], lambda _: Child(line[1], "version 1"), afresh=True)
    assert (outcome.found, "both were made with version 1" in outcome.why) == (line[1], True)


def test_a_lost_founder_or_recipe_or_a_failing_merge_is_told(family, store, merge, line) -> None:
    recipe = recipe_of(line[:2], method="impossible")
    child = put_files(store, b"somehow" * 20)
    family.add_child(Child(child, ""), recipe, 3, "odd")
    spoil(store, child)
    outcome = rebuild(store, family.lineage, child, merge)
    assert outcome == Unrebuildable(child, "merging it again failed: no such method")
    spoil(store, line[3])
    spoil(store, line[2])
    spoil(store, line[1])
    outcome = rebuild(store, family.lineage, line[3], merge)
    assert isinstance(outcome, Unrebuildable)
    assert (outcome.digest, "founder b" in outcome.why, "SHA-256 differs" in outcome.why) == (line[1], True, True)
    shutil.copyfile(store.layout.blob(line[0]), store.layout.blob(family.lineage.find(line[3]).recipe))
    outcome = rebuild(store, family.lineage, line[3], merge)
    assert (outcome.digest, "the recipe of child-2" in outcome.why) == (line[3], True)
    with pytest.raises(LedgerError, match="no model"):
        rebuild(store, family.lineage, "0" * 64, merge)
