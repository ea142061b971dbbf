"""The table of methods against mergekit's own registry, and what is said about a wrong parameter."""

import math

import pytest

from strata.evolution.recipes import METHODS, BadRecipe, check_parameters

A, B, C = (f"model:{letter * 64}" for letter in "abc")


def configuration(method: str, **changes):
    """The least that the method takes."""
    found = METHODS[method]
    own = {p.name: 0.5 for p in found.parameters if p.required and p.scope != "shared"}
    shared = {p.name: 0.5 for p in found.parameters if p.required and p.scope == "shared"}
    models = [{"model": model, "parameters": dict(own)} for model in (B, C)[: found.least]]
    base = {} if found.base == "ignored" else {"base_model": A}
    return {"merge_method": method, "models": models, "parameters": shared} | base | changes


def test_the_table_is_that_of_mergekit():
    from mergekit.merge_methods import registered_methods

    specs = {method.spec.name: method.spec for method in registered_methods()}
    assert specs.keys() == METHODS.keys()
    kinds = {float: "float", int: "int", bool: "bool", float | None: "float"}
    for name, spec in specs.items():
        ours, contract = METHODS[name], spec.contract
        assert ours.base == contract.base.value
        with_base = int(ours.base == "required")
        least, most = contract.min_non_base, contract.max_non_base
        if least is None:
            least, most = contract.min_inputs - with_base, contract.max_inputs and contract.max_inputs - with_base
        assert (ours.least, ours.most) == (max(1, least), most), name
        assert [(p.name, p.kind, p.scope, p.required, None if p.required else p.default) for p in ours.parameters] == [
            (p.name, kinds[p.value_type], p.scope.value, p.required, None if p.required else p.default)
            for p in spec.parameters
        ], name


@pytest.mark.parametrize("method", METHODS)
def test_the_least_configuration_of_each_method_and_what_it_lacks(method: str):
    assert check_parameters(configuration(method)).name == method
    with pytest.raises(BadRecipe, match="has no parameter wieght"):
        check_parameters(configuration(method, parameters={"wieght": 1}))
    with pytest.raises(BadRecipe, match="models"):
        check_parameters(configuration(method, models=[{"model": A}] * 5))
    for parameter in METHODS[method].parameters:
        if parameter.required:
            bare = configuration(method)
            for holder in (bare, *bare["models"]):
                holder["parameters"].pop(parameter.name, None)
            with pytest.raises(BadRecipe, match=rf"needs {parameter.name}, a number in [(\[]"):
                check_parameters(bare)


@pytest.mark.parametrize("method", METHODS)
def test_defaults_lie_in_their_ranges_and_what_is_beyond_is_named(method: str):
    for parameter in METHODS[method].parameters:
        if parameter.default is not None:
            assert parameter.fault(parameter.default) is None
        beyond = [math.nan, math.inf, "x", [], None, *(["yes", 1] if parameter.kind == "bool" else [True])]
        beyond += [
            end
            for end, is_open in ((parameter.low, parameter.low_open), (parameter.high, parameter.high_open))
            if is_open
        ]
        beyond += [parameter.low - 1, parameter.high + 1] if parameter.kind != "bool" else []
        beyond += [1.5] if parameter.kind == "int" else []
        for value in beyond:
            if not (isinstance(value, float) and math.isinf(parameter.low) and abs(value) < math.inf):
                assert parameter.name in (parameter.fault(value) or ""), (parameter, value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"merge_method": "tees"}, "no merge method 'tees'; there are arcee_fusion"),
        ({"base_model": None}, "ties needs a base_model"),
        ({"models": []}, "models, slices or modules"),
        ({"models": [{"model": A}]}, "merges 1 to any number models beside the base, not 0"),
        (
            {"models": [{"model": B, "parameters": {"weight": 1, "density": 1.2}}]},
            r"density is a number in \(0, 1\], not 1.2",
        ),
        (
            {"models": [{"model": B, "parameters": {"weight": [0.1, "x"]}}]},
            r"weight is a number in \(-inf, inf\), not 'x'",
        ),
        ({"models": [{"model": B, "parameters": {"weight": {"filter": "mlp", "value": None}}}]}, "weight"),
        ({"models": [{"model": B, "parameters": {"weight": 1, "normalize": True}}]}, "normalize is one for all models"),
        ({"parameters": {"normalize": 1.0}}, "normalize is true or false"),
        ({"parameters": []}, None),
        ({"parameters": [1]}, "parameters are names and values"),
        ({"models": "ab"}, "a list of models"),
        ({"models": None, "modules": {"default": []}}, "modules are named"),
    ],
)
def test_what_is_wrong_is_said(changes, message):
    if message is None:
        check_parameters(configuration("ties") | changes)
        return
    with pytest.raises(BadRecipe, match=message):
        check_parameters(configuration("ties") | changes)


def test_gradients_conditions_slices_and_modules():
    weight = [{"filter": "mlp", "value": [0.1, 0.9]}, {"value": "1e-1"}]
    sources = [
        {"model": A, "layer_range": [0, 2]},
        {"model": B, "layer_range": [0, 2], "parameters": {"weight": weight}},
    ]
    slices = {"slices": [{"sources": sources, "parameters": {"density": 0.5}}]}
    check_parameters({"merge_method": "ties", "base_model": A} | slices)
    check_parameters({"merge_method": "ties", "base_model": A, "modules": {"default": slices}})
    with pytest.raises(BadRecipe, match="slice 0: ties needs a base_model"):
        check_parameters({"merge_method": "ties", "base_model": C} | slices)  # mergekit adds it to `models` only


def test_a_base_that_a_method_ignores_is_one_more_model_to_mergekit():
    with pytest.raises(BadRecipe, match=f"models, {A}: linear needs weight"):
        check_parameters(configuration("linear", base_model=A))
    with pytest.raises(BadRecipe, match="passthrough merges 1 models, not 2"):
        check_parameters(configuration("passthrough", base_model=A))
    check_parameters(configuration("linear", base_model=A, parameters={"weight": 1}))


def test_della_keeps_its_probabilities_within_bounds():
    with pytest.raises(BadRecipe, match=r"density - epsilon and density \+ epsilon"):
        check_parameters(configuration("della", parameters={"density": 0.9, "epsilon": 0.2}))
    check_parameters(configuration("della", parameters={"density": 0.7, "epsilon": 0.2}))
