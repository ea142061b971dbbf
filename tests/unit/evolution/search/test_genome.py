"""Genomes: always a recipe that mergekit accepts, and back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.evolution.recipes import Recipe
from strata.evolution.search import TECHNIQUES, BadSpace, Genome, Space, to_genome, to_recipe
from strata.evolution.search.genome import Block, distance, draw, key, make, parse, used
from tests.unit.evolution.search.landscape import BASE, PARENTS, space

EVERYTHING = space(tuple(TECHNIQUES), layers=5, groups=2)
seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.booleans())
def test_every_genome_is_a_recipe_and_comes_back(seed, layers, groups, parents, has_base):
    random = np.random.default_rng(seed)
    where = space(("task_arithmetic", "ties", "linear", "slerp", "arcee_fusion")[: 5 if has_base else 4])
    try:
        where = Space(PARENTS[:parents], BASE if has_base else None, layers, where.methods, groups=groups)
    except BadSpace:
        assert groups > layers or (parents == 1 and not has_base)
        return
    genome = draw(where, random)
    recipe = to_recipe(where, genome)
    back = to_genome(where, Recipe.from_json(recipe.to_json()))
    assert to_recipe(where, back).digest == recipe.digest
    assert key(where, back) == key(where, genome)
    assert back.array()[used(where, genome)] == pytest.approx(genome.array()[used(where, genome)])
    assert parse(where, genome.to_fields()) == genome


@pytest.mark.parametrize("method", TECHNIQUES)
def test_parameters_stay_within_the_bounds_of_the_technique(method):
    technique = TECHNIQUES[method]
    for genes in (np.zeros, np.ones):
        genome = make(EVERYTHING, method, range(4), genes(EVERYTHING.size), np.random.default_rng(0))
        configuration = to_recipe(EVERYTHING, genome).configuration
        end = 0 if genes is np.zeros else 1
        for model in configuration["models"]:
            for name, parts in model.get("parameters", {}).items():
                bound = getattr(technique, name)[end]
                for part in parts:
                    values = part["value"] if isinstance(part["value"], list) else [part["value"]]
                    assert values == [pytest.approx(bound)] * len(values)
        assert ("base_model" in configuration) == (technique.base != "none")


def test_a_weight_reaches_its_layers_and_its_part_of_the_model():
    where = space(("linear",), layers=4, groups=2)
    genes = np.zeros(where.size)
    place = where.blocks.index(Block("mlp", 1))
    where.weights(genes)[2, place] = 1.0
    made = to_recipe(where, make(where, "linear", range(4), genes, np.random.default_rng(0)))
    setting = made.configuration["models"][2]["parameters"]["weight"]
    assert setting == [
        {"filter": "self_attn", "value": [0.02] * 4},
        {"filter": "mlp", "value": [0.02, 0.02, 1.0, 1.0]},
        {"filter": "embed_tokens", "value": 0.02},
        {"filter": "lm_head", "value": 0.02},
        {"value": 0.02},
    ]


@given(seeds)
def test_genes_that_are_not_used_change_neither_recipe_nor_key(seed):
    random = np.random.default_rng(seed)
    genome = draw(EVERYTHING, random)
    genes = np.where(used(EVERYTHING, genome), genome.array(), np.round(random.random(EVERYTHING.size), 3))
    other = Genome(genome.method, genome.parents, tuple(genes.tolist()), genome.seed)
    assert to_recipe(EVERYTHING, other).digest == to_recipe(EVERYTHING, genome).digest
    assert key(EVERYTHING, other) == key(EVERYTHING, genome)
    assert distance(EVERYTHING, other, genome) == 0


@given(seeds)
def test_genes_that_are_used_change_the_recipe(seed):
    random = np.random.default_rng(seed)
    genome = draw(EVERYTHING, random)
    places = np.flatnonzero(used(EVERYTHING, genome))
    if len(places):
        genes = genome.array()
        place = int(random.choice(places))
        genes[place] = genes[place] + 0.1 if genes[place] < 0.5 else genes[place] - 0.1
        other = Genome(genome.method, genome.parents, tuple(genes.tolist()), genome.seed)
        assert to_recipe(EVERYTHING, other).digest != to_recipe(EVERYTHING, genome).digest
        assert key(EVERYTHING, other) != key(EVERYTHING, genome)
        assert 0 < distance(EVERYTHING, other, genome) < 1


@settings(max_examples=30)
@given(seeds, st.lists(st.integers(0, 3), max_size=4), st.sampled_from(sorted(TECHNIQUES)))
def test_make_mends_parents_and_genes(seed, parents, method):
    random = np.random.default_rng(seed)
    genome = make(EVERYTHING, method, parents, random.normal(0.5, 3, EVERYTHING.size), random)
    assert parse(EVERYTHING, genome.to_fields()) == genome


def test_spaces_without_a_recipe_are_refused():
    with pytest.raises(BadSpace, match="no such technique"):
        space(("magic",))
    with pytest.raises(BadSpace, match="groups"):
        space(layers=2, groups=3)
    with pytest.raises(BadSpace, match="no method can merge 4 parents without base"):
        space(("ties",), base=None)
    with pytest.raises(BadSpace, match="different models"):
        space(parents=(BASE, *PARENTS))
    with pytest.raises(BadSpace, match="genes are more"):
        space(layers=1000, groups=1000, parents=tuple(f"{n:064d}" for n in range(60)))


@pytest.mark.parametrize(
    "change", [{"method": "passthrough"}, {"parents": [1, 0]}, {"parents": [9, 10]}, {"genes": [0.5]}, {"seed": "x"}]
)
def test_genomes_of_other_spaces_are_refused(change):
    where = space()
    fields = draw(where, np.random.default_rng(0)).to_fields() | {"method": "ties", "parents": [0, 1]}
    parse(where, fields)
    with pytest.raises(BadSpace):
        parse(where, fields | change)


def test_recipes_of_other_spaces_are_refused():
    recipe = to_recipe(space(), draw(space(), np.random.default_rng(0)))
    other = space(parents=tuple(letter * 64 for letter in "0123"))
    with pytest.raises(BadSpace):
        to_genome(other, recipe)
    with pytest.raises(BadSpace):
        to_genome(space(groups=1), recipe)
    with pytest.raises(BadSpace):
        to_genome(space(), Recipe({"merge_method": "linear", "models": [{"model": f"model:{PARENTS[0]}"}]}, 1))
