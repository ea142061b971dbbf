"""Recipes: one canonical form, and the models that they name."""

import pytest

from strata.evolution.recipes import BadRecipe, Recipe

A, B = "a" * 64, "b" * 64
TIES = {
    "merge_method": "ties",
    "base_model": f"model:{A}",
    "models": [{"model": f"model:{B}", "parameters": {"weight": [0.1, 0.5], "density": 0.5}}, {"model": f"model:{A}"}],
}


def test_models_and_base():
    recipe = Recipe(TIES, 1)
    assert (recipe.method, recipe.models, recipe.base) == ("ties", (A, B), A)
    assert Recipe({"merge_method": "linear", "models": [{"model": f"model:{B}"}]}, 1).base is None


def test_json_and_digest():
    recipe = Recipe(TIES, 1)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe(dict(reversed(TIES.items())), 1).digest == recipe.digest
    assert Recipe(TIES, 2).digest != recipe.digest


def test_paths_take_the_place_of_digests():
    found = Recipe(TIES, 1).with_paths({A: "/base", B: "/other"}.__getitem__)
    assert found["base_model"] == "/base"
    assert [model["model"] for model in found["models"]] == ["/other", "/base"]
    assert found["models"][0]["parameters"] == TIES["models"][0]["parameters"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"configuration": {}, "seed": 1}', '{"configuration": [], "seed": 1}', "[" * 9999]
)
def test_no_recipe(text: str):
    with pytest.raises(BadRecipe):
        Recipe.from_json(text)
