"""The family: founders are kept, children are remembered, and their tree is shown."""

import pytest

from strata.evolution.lineage import TreeNode, UnknownModel, family_tree
from strata.evolution.recipes import Recipe
from strata.store import BlobCorrupt, GenerationLog, LedgerError
from tests.support.lineage import put_files, recipe_of, spoil


def test_founders_stay_and_children_until_their_generation_is_over(family, store, ledger, merge) -> None:
    founders = [put_files(store, text) for text in (b"one" * 50, b"two" * 50)]
    for name, founder in zip("ab", founders, strict=True):
        family.add_founder(founder, name)
    with GenerationLog(ledger) as generations:
        running = generations.begin(None)
        recipe = recipe_of(founders, seed=5)
        child = merge(recipe)
        record = family.add_child(child, recipe, running, "child")
        assert (record.parents, record.seed, record.made_with) == (sorted(founders), 5, "version 1")
        assert Recipe.from_json(store.read(record.recipe)) == recipe
        assert family.release() == 0
        store.gc(0, [record.recipe])
        assert store.has(child.digest)
        generations.finish(running, "kept", {})
    assert family.release() == 1
    store.gc(0, [record.recipe])
    assert (store.has(child.digest), store.has(founders[0]), store.has(record.recipe)) == (False, True, True)
    assert family.find("child") == family.find(child.digest[:9]) == record


def test_the_base_model_is_the_first_parent(family, store, merge) -> None:
    parents = sorted(put_files(store, text) for text in (b"one", b"two", b"three"))
    for parent in parents:
        family.add_founder(parent, parent[:4])
    recipe = recipe_of(parents)
    based = Recipe({**recipe.configuration, "base_model": f"model:{parents[1]}"}, 1)
    assert family.add_child(merge(based), based, 1, "c").parents == [parents[1], parents[0], parents[2]]


def test_what_is_damaged_or_has_no_known_parents_is_not_entered(family, store, merge) -> None:
    founder, stranger = put_files(store, b"one" * 50), put_files(store, b"two" * 50)
    recipe = recipe_of([founder, stranger])
    child = merge(recipe)
    family.add_founder(founder, "a")
    with pytest.raises(LedgerError, match="unknown parent"):
        family.add_child(child, recipe, 1, "child")
    spoil(store, stranger)
    with pytest.raises(BlobCorrupt):
        family.add_founder(stranger, "b")
    assert [record.name for record in family.lineage.founders()] == ["a"]


def test_a_model_is_found_by_name_or_digest_or_not_at_all(family, store) -> None:
    for name, weights in (("same", b"one"), ("same", b"two")):
        family.add_founder(put_files(store, weights), name)
    with pytest.raises(UnknownModel, match="several models"):
        family.find("same")
    with pytest.raises(UnknownModel, match="knows no model 'other'"):
        family.find("other")
    with pytest.raises(UnknownModel, match="no champion yet"):
        family.find(None)


def test_a_tree_shows_each_model_once() -> None:
    parents = {"d": "cb", "c": "ab", "b": "a", "a": ""}
    nodes = {name: TreeNode(name, f"model {name}", list(its)) for name, its in parents.items()}
    assert family_tree(nodes, "d", 9) == (
        "model d",
        "├─ model c",
        "│  ├─ model a",
        "│  └─ model b",
        "│     └─ model a",
        "└─ model b (above)",
    )
    assert family_tree(nodes, "d", 1) == ("model d", "├─ model c …", "└─ model b …")
