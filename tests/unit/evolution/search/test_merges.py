"""Recipes in mergekit's hands: it takes all of them, and merges in memory for the benchmark give what it gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from strata.evolution.recipes import METHODS as MERGEKIT
from strata.evolution.recipes import check_parameters
from strata.evolution.search import TECHNIQUES, Space, to_recipe
from strata.evolution.search.genome import make
from tests.benchmarks.support.quick_merge import METHODS, QuickMerge
from tests.unit.evolution.merge.models import write_model

NAMES = ("base", "one", "two", "three")
DIGESTS = tuple(f"{number:064x}" for number in range(4))
SPACE = Space(DIGESTS[1:], DIGESTS[0], 2, tuple(TECHNIQUES), groups=2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("family")
    return {
        digest: write_model(home / name, seed, dtype=torch.float32)
        for seed, (name, digest) in enumerate(zip(NAMES, DIGESTS, strict=True))
    }


def genome(method, seed=0):
    random = np.random.default_rng(seed)
    parents = random.permutation(3)[: random.choice(SPACE.parent_counts(method))].tolist()
    return make(SPACE, method, parents, random.random(SPACE.size), random)


@pytest.mark.parametrize("method", TECHNIQUES)
def test_mergekit_takes_every_technique(tmp_path, folders, method):
    recipe = to_recipe(SPACE, genome(method))
    check_parameters(recipe.configuration)
    merged = merge(recipe, folders, tmp_path / "merged")
    assert all(torch.isfinite(tensor).all() for tensor in merged.values())
    if method in METHODS:
        ours = QuickMerge({digest: load_file(path / "model.safetensors") for digest, path in folders.items()}, 2)
        found = ours.merge(recipe)
        assert found.keys() == merged.keys()
        for name, tensor in merged.items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6)


def merge(recipe, folders, target):
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions

    configuration = MergeConfiguration.model_validate(recipe.with_paths(lambda digest: str(folders[digest])))
    options = MergeOptions(random_seed=recipe.seed, quiet=True, write_model_card=False, copy_tokenizer=False)
    run_merge(configuration, str(target), options)
    return load_file(target / "model.safetensors")


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("method", TECHNIQUES)
def test_every_recipe_has_only_what_its_method_understands(method, seed):
    check_parameters(to_recipe(SPACE, genome(method, seed)).configuration)


def test_all_methods_that_merge_several_models_can_be_searched():
    assert TECHNIQUES.keys() == MERGEKIT.keys() - {"passthrough"}
