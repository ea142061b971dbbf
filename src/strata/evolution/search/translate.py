"""Genomes to recipes, and recipes that were made this way back to genomes.

A block's value becomes a mergekit filter; the groups of a kind become a list with one value a layer, which mergekit's
gradient then takes as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strata.evolution.recipes import MODEL_PREFIX, Recipe
from strata.evolution.search.genome import BadSpace, Genome, Space, layer_values, make
from strata.evolution.search.techniques import TECHNIQUES, Bounds
from strata.evolution.search.trials import Trial

_DIGITS = 6


def to_recipe(space: Space, genome: Genome, dtype: str | None = None) -> Recipe:
    """The recipe that a genome stands for. `dtype`: what mergekit computes and writes in; None: the models' own."""
    technique, genes = genome.technique, genome.array()
    weights, densities = space.weights(genes), space.densities(genes)
    models: list[dict[str, Any]] = []
    for parent in genome.parents:
        parameters: dict[str, Any] = {}
        if technique.weight:
            parameters["weight"] = _setting(space, weights[parent], technique.weight)
        if technique.density:
            parameters["density"] = _setting(space, densities[parent], technique.density)
        model: dict[str, Any] = {"model": MODEL_PREFIX + space.parents[parent]}
        models.append(model | ({"parameters": parameters} if parameters else {}))
    configuration: dict[str, Any] = {"merge_method": technique.name, "models": models}
    if technique.base == "model":
        configuration["base_model"] = f"{MODEL_PREFIX}{space.base}"
        models.append({"model": f"{MODEL_PREFIX}{space.base}"})
    elif technique.base == "parent":
        configuration["base_model"] = models[0]["model"]
    shared: dict[str, Any] = {}
    if technique.blend:
        name, bounds = technique.blend
        shared[name] = _setting(space, weights[genome.parents[-1]], bounds)
    if technique.scale:
        name, bounds = technique.scale
        shared[name] = _value(float(genes[-1]), bounds)
    if shared:
        configuration["parameters"] = shared
    if dtype is not None:
        configuration["dtype"] = dtype
    return Recipe(configuration, genome.seed)


def to_genome(space: Space, recipe: Recipe) -> Genome:
    """The genome of a recipe that `to_recipe` made in this space; genes that it does not use are .5.

    Raises BadSpace for any other recipe.
    """
    if recipe.method not in space.usable:
        raise BadSpace(f"{recipe.method} is no method of this space")
    technique, genes = TECHNIQUES[recipe.method], np.full(space.size, 0.5)
    try:
        models = [model for model in recipe.configuration["models"] if model["model"] != f"{MODEL_PREFIX}{space.base}"]
        rows = [space.parents.index(model["model"].removeprefix(MODEL_PREFIX)) for model in models]
        for row, model in zip(rows, models, strict=True):
            if technique.weight:
                space.weights(genes)[row] = _genes(space, model["parameters"]["weight"], technique.weight)
            if technique.density:
                space.densities(genes)[row] = _genes(space, model["parameters"]["density"], technique.density)
        shared = recipe.configuration.get("parameters", {})
        if technique.blend:
            space.weights(genes)[rows[-1]] = _genes(space, shared[technique.blend[0]], technique.blend[1])
        if technique.scale:
            genes[-1] = _gene(shared[technique.scale[0]], technique.scale[1])
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise BadSpace("the recipe is of another space") from error
    made = make(space, recipe.method, rows, genes, np.random.default_rng(0))
    found = Genome(made.method, made.parents, made.genes, recipe.seed)
    dtype = recipe.configuration.get("dtype")
    if to_recipe(space, found, dtype).digest != recipe.digest:
        raise BadSpace("the recipe is of another space")
    return found


def recall(space: Space, records: Iterable[tuple[Recipe, Mapping[str, float]]]) -> tuple[Trial, ...]:
    """Recipes of earlier runs with their scores, as the first generation of a new search's past.

    The scores should be of the same search items. Recipes of other spaces are left out.
    """
    found = []
    for recipe, scores in records:
        with suppress(BadSpace):
            found.append(Trial(to_genome(space, recipe), scores, 0))
    return tuple(found)


def _value(gene: float, bounds: Bounds) -> float:
    low, high = bounds
    return round(low + (high - low) * gene, _DIGITS)


def _gene(value: float, bounds: Bounds) -> float:
    low, high = bounds
    return (value - low) / (high - low)


def _setting(space: Space, row: NDArray[np.float64], bounds: Bounds) -> list[dict[str, Any]]:
    values = dict(zip(space.blocks, (_value(gene, bounds) for gene in row.tolist()), strict=True))
    setting: list[dict[str, Any]] = []
    for kind in space.layered:
        by_group = [value for block, value in values.items() if block.kind == kind and block.group is not None]
        setting.append({"filter": kind, "value": list(layer_values(space, by_group))})
    setting += [{"filter": kind, "value": values[block]} for block in values if (kind := block.kind) in space.single]
    return [*setting, {"value": values[space.blocks[-1]]}]


def _genes(space: Space, setting: Sequence[Mapping[str, Any]], bounds: Bounds) -> list[float]:
    by_filter = {part.get("filter", ""): part["value"] for part in setting}
    first = [next(layer for layer in range(space.layers) if space.group_of(layer) == g) for g in range(space.groups)]
    return [
        _gene(by_filter[block.kind] if block.group is None else by_filter[block.kind][first[block.group]], bounds)
        for block in space.blocks
    ]
