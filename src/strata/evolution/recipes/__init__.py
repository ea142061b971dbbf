"""What a merge is made of, as data.

Public face: `Recipe`, `BadRecipe`, `MODEL_PREFIX`.
"""

from strata.evolution.recipes.recipe import MODEL_PREFIX, BadRecipe, Recipe

__all__ = ["MODEL_PREFIX", "BadRecipe", "Recipe"]
