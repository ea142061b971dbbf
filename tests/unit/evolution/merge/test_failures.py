"""What goes wrong in a real worker: each kind, and the next child as if nothing had been."""

import resource
from pathlib import Path

import pytest

from strata.evolution.merge import Merged, MergeFailed, MergePool, predict_bytes
from strata.evolution.merge.memory import FIXED_BYTES, read_tensors
from strata.evolution.models import open_model
from strata.evolution.recipes import Recipe
from tests.unit.evolution.merge.models import Family, configuration, write_model


def recipe(family: Family, *others: str, method: str = "ties", **changes) -> Recipe:
    names = [f"model:{family.digests[name]}" for name in ("base", *others)]
    return Recipe(configuration(method, *names) | changes, 0)


@pytest.fixture(scope="module")
def odd(family: Family, tmp_path_factory) -> Family:
    """Models that do not go with the others."""
    home: Path = tmp_path_factory.mktemp("odd")
    family.add("wide", write_model(home / "wide", 3, hidden=80))
    family.add("nan", write_model(home / "nan", 3, spoil=float("nan")))
    family.add("other-tokens", write_model(home / "other-tokens", 3, tokens="u"))
    family.add("rotten", write_model(home / "rotten", 4))
    family.add("broken", write_model(home / "broken", 5))
    (home / "broken" / "config.json").write_text("{}")
    family.add("broken", home / "broken")
    rotten = family.store.layout.blob(open_model(family.store, family.digests["rotten"]).files["model.safetensors"])
    rotten.chmod(0o600)
    data = bytearray(rotten.read_bytes())
    data[-1] ^= 1
    rotten.write_bytes(data)
    return family


@pytest.mark.parametrize(
    ("others", "changes", "kind", "detail"),
    [
        (("one", "wide"), {}, "shapes", "model.embed_tokens.weight"),
        (("one", "nan"), {}, "not-finite", "model.norm.weight: 1 of 64 weights"),
        (("one", "other-tokens"), {}, "tokenizers", "number their tokens differently"),
        (("one", "rotten"), {}, "parent", "corrupt"),
        (("one", "broken"), {}, "parent", "names an architecture"),
        (("one", "two"), {"dtype": "int4"}, "recipe", "int4"),
        (("one", "two"), {"models": [{"model": "model:" + "0" * 64}], "parameters": {"weight": 1}}, "parent", "0000"),
        (("one", "two"), {"parameters": {"density": -1}}, "recipe", r"density is a number in (0, 1], not -1"),
    ],
)
def test_a_failure_and_the_child_after_it(odd: Family, pool: MergePool, others, changes, kind, detail):
    failed = pool.merge(recipe(odd, *others, **changes))
    assert isinstance(failed, MergeFailed)
    assert failed.kind == kind, failed
    assert detail in failed.detail
    assert isinstance(pool.merge(recipe(odd, "one", "two")), Merged)
    assert not list((odd.store.layout.root / "merging").glob("*/child-*"))


def test_other_tokens_can_be_merged_when_the_recipe_says_how(odd: Family, pool: MergePool):
    assert isinstance(pool.merge(recipe(odd, "one", "other-tokens", tokenizer_source="base")), Merged)


def test_a_full_disk(family: Family, pool: MergePool):
    pool.merge(recipe(family, "one", "two"))
    (worker,) = pool.pids
    _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (10_000, hard))  # what stands in for a full disk
    failed = pool.merge(recipe(family, "two", "one"))
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (hard, hard))
    assert isinstance(failed, MergeFailed)
    assert failed.kind == "disk-full", failed
    assert isinstance(pool.merge(recipe(family, "two", "one")), Merged)


@pytest.mark.parametrize("method", ["ties", "dare_ties", "slerp", "linear", "della", "karcher", "model_stock"])
def test_the_predicted_peak_holds(family: Family, pool: MergePool, method: str, large: Family):
    base, *others = (f"model:{large.digests[name]}" for name in ("large base", "large one", "large two"))
    asked = Recipe(configuration(method, base, *others), 0)
    child = pool.merge(asked)
    assert isinstance(child, Merged), child
    assert child.peak_bytes <= child.predicted_bytes
    # And it is no fantasy: beside what is fixed, some copies of the largest tensors and of the models.
    model = sum(tensor.bytes for tensor in read_tensors(family.store, large.digests["large one"]).values())
    assert predict_bytes(family.store, asked) - FIXED_BYTES < 12 * model


@pytest.fixture(scope="module")
def large(family: Family, tmp_path_factory) -> Family:
    home: Path = tmp_path_factory.mktemp("large")
    for seed, name in enumerate(("large base", "large one", "large two")):
        family.add(name, write_model(home / name.replace(" ", "-"), seed, hidden=800))
    return family
