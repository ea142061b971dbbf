"""What a merge is made of, as data.

Public face:

- `Recipe`, `MODEL_PREFIX`: a mergekit configuration whose models are named by their digests, and a seed
- `models_in`, `with_paths`: the models of a configuration
- `METHODS`, `Method`, `Parameter`: mergekit's merge methods with their parameters, types, ranges and defaults
- `check_parameters`: whether a configuration says what its method understands
- `BadRecipe`
"""

from strata.evolution.recipes.check import check_parameters
from strata.evolution.recipes.methods import METHODS, Method, Parameter
from strata.evolution.recipes.recipe import MODEL_PREFIX, BadRecipe, Recipe, models_in, with_paths

__all__ = [
    "METHODS",
    "MODEL_PREFIX",
    "BadRecipe",
    "Method",
    "Parameter",
    "Recipe",
    "check_parameters",
    "models_in",
    "with_paths",
]
