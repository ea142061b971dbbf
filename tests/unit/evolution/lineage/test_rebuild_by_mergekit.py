"""Two generations bred by mergekit, thrown away, and made again from their founders and recipes, bit for bit."""

from pathlib import Path

from strata.evolution.lineage import (
    Family,
    Mismatch,
    PoolMerge,
    Rebuilt,
    Unrebuildable,
    child_of,
    rebuild,
    verify_model,
)
from strata.evolution.merge import Merged, MergePool
from strata.evolution.models import put_model
from strata.evolution.recipes import MODEL_PREFIX, Recipe
from tests.support.lineage import spoil
from tests.unit.evolution.merge.models import Family as MergeFamily
from tests.unit.evolution.merge.models import configuration, write_model


def test_two_generations_come_out_the_same_and_what_does_not_is_told(
    merge_family: MergeFamily, merge_pool: MergePool, ledger: str, tmp_path: Path
) -> None:
    store, pool = merge_family.store, merge_pool
    others = [entry.name for entry in store.layout.blobs.rglob("*") if entry.is_file()]
    founders = []
    for seed, name in enumerate(("base", "one", "two"), start=7):
        founders.append(put_model(store, write_model(tmp_path / name, seed)).digest)
    base, one, two = (MODEL_PREFIX + founder for founder in founders)
    with Family(store, ledger) as family:
        for founder, name in zip(founders, ("base", "one", "two"), strict=True):
            family.add_founder(founder, name)
        recipe = Recipe(configuration("dare_ties", base, one, two), 7)
        first = pool.merge(recipe)
        assert isinstance(first, Merged)
        family.add_child(child_of(first), recipe, 1, "first")
        recipe = Recipe(configuration("della", base, MODEL_PREFIX + first.digest, two), 8)
        second = pool.merge(recipe)
        record = family.add_child(child_of(second), recipe, 2, "second")
        assert record.made_with.endswith(", 1 thread")
        assert family.release() == 2
        recipes = [each.recipe for each in family.lineage.ancestry(second.digest) if each.recipe]
        store.gc(0, recipes + others)
        assert not store.has(second.digest)

        outcome = rebuild(store, family.lineage, second.digest, PoolMerge(pool))
        assert outcome == Rebuilt(second.digest, (first.digest, second.digest))
        verify_model(store, second.digest)

        other = Recipe(recipe.configuration, 9)  # another seed gives other bytes, so this record is wrong
        stranger = pool.merge(other)
        spoilt = rebuild(store, family.lineage, second.digest, lambda _: child_of(stranger), afresh=True)
        assert isinstance(spoilt, Mismatch)
        assert (spoilt.found, "files that differ: model.safetensors" in spoilt.why) == (stranger.digest, True)

        spoil(store, second.digest)
        spoil(store, founders[0])
        lost = rebuild(store, family.lineage, second.digest, PoolMerge(pool))
        assert isinstance(lost, Unrebuildable)
        assert (lost.digest, "founder base" in lost.why) == (founders[0], True)
