"""Whether a configuration says what its method understands.

mergekit passes over a misspelt parameter and takes a density of 7; who breeds recipes wants to hear of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from strata.evolution.recipes.methods import METHODS, Method, Parameter
from strata.evolution.recipes.recipe import BadRecipe


@dataclass(frozen=True)
class _Group:
    """Models that are merged into the same layers; `outer` are settings for all of them, the innermost first.

    mergekit adds the base to `models` where it is not among them, as one more input, but not to `slices`.
    """

    where: str
    inputs: tuple[Mapping[str, Any], ...]
    base: Any
    outer: tuple[Mapping[str, Any], ...]


def check_parameters(configuration: Mapping[str, Any]) -> Method:
    """The method of mergekit's configuration, if that has the models and parameters which the method takes.

    Raises BadRecipe, which names the parameter and its range.
    """
    name = configuration.get("merge_method")
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        raise BadRecipe(f"no merge method {name!r:.80}; there are {', '.join(sorted(METHODS))}")
    groups = list(_groups(configuration))
    if not groups:
        raise BadRecipe("a configuration has models, slices or modules")
    for group in groups:
        _check_models(method, group)
        for settings in group.outer:
            _check_settings(method, settings, group.where, shared=True)
        for model in group.inputs:
            where = f"{group.where}, {str(model.get('model'))[:80]}"
            own = _settings(model, where)
            _check_settings(method, own, where, shared=False)
            _check_needed(method, (own, *group.outer), where, is_base=model.get("model") == group.base)
            _check_together(method, (own, *group.outer), where)
    return method


def _groups(
    configuration: Mapping[str, Any], outer: tuple[Mapping[str, Any], ...] = (), where: str = ""
) -> Iterator[_Group]:
    base = configuration.get("base_model")
    everywhere = (_settings(configuration, where or "configuration"), *outer)
    if configuration.get("models"):
        models = _list(configuration["models"], "models")
        named = {str(model.get("model")) for model in models}
        added = ({"model": base},) if base is not None and str(base) not in named else ()
        yield _Group(where or "models", (*models, *added), base, everywhere)
    for number, part in enumerate(_list(configuration.get("slices") or (), "slices")):
        name = f"{where} slice {number}".strip()
        sources = _list(part.get("sources") or (), name)
        yield _Group(name, sources, part.get("base_model") or base, (_settings(part, name), *everywhere))
    modules = configuration.get("modules") or {}
    if not isinstance(modules, Mapping) or not all(isinstance(module, Mapping) for module in modules.values()):
        raise BadRecipe("modules are named, each with models or slices")
    for name, module in modules.items():
        yield from _groups({**module, "base_model": base}, everywhere, f"module {name}")


def _check_models(method: Method, group: _Group) -> None:
    names = [str(model.get("model")) for model in group.inputs]
    if len(set(names)) != len(names):
        raise BadRecipe(f"{group.where}: a model is there twice")
    has_base = method.base != "ignored" and group.base is not None and str(group.base) in names
    if method.base == "required" and not has_base:
        raise BadRecipe(f"{group.where}: {method.name} needs a base_model")
    count = len(names) - has_base
    if count < method.least or (method.most is not None and count > method.most):
        span = str(method.least) if method.least == method.most else f"{method.least} to {method.most or 'any number'}"
        beside = " beside the base" if method.base != "ignored" else ""
        raise BadRecipe(f"{group.where}: {method.name} merges {span} models{beside}, not {count}")


def _check_settings(method: Method, settings: Mapping[str, Any], where: str, *, shared: bool) -> None:
    for name, setting in settings.items():
        parameter = method.parameter(name)
        if parameter is None:
            known = ", ".join(each.name for each in method.parameters) or "none"
            raise BadRecipe(f"{where}: {method.name} has no parameter {str(name)[:80]}; it has {known}")
        if parameter.scope == "shared" and not shared:
            raise BadRecipe(f"{where}: {name} is one for all models; give it in the outer parameters")
        for value in _values(setting):
            fault = parameter.fault(value)
            if fault and not (value is None and not parameter.required and parameter.default is None):
                raise BadRecipe(f"{where}: {fault}")


def _check_needed(method: Method, settings: Sequence[Mapping[str, Any]], where: str, *, is_base: bool) -> None:
    for parameter in method.parameters:
        spared = is_base and parameter.scope == "non_base" and method.base != "ignored"
        if parameter.required and not spared and not any(parameter.name in level for level in settings):
            raise BadRecipe(f"{where}: {method.name} needs {parameter.name}, a number in {parameter.range}")


def _check_together(method: Method, settings: Sequence[Mapping[str, Any]], where: str) -> None:
    """DELLA keeps with probabilities from density - epsilon to density + epsilon."""
    density, epsilon = method.parameter("density"), method.parameter("epsilon")
    if density is None or epsilon is None:
        return
    for kept in map(float, _effective(density, settings)):
        for spread in map(float, _effective(epsilon, settings)):
            if kept < 1 and not 0 < kept - spread <= kept + spread < 1:
                raise BadRecipe(
                    f"{where}: density - epsilon and density + epsilon are in (0, 1), not {kept} ± {spread}"
                )


def _effective(parameter: Parameter, settings: Sequence[Mapping[str, Any]]) -> list[Any]:
    found = next((level[parameter.name] for level in settings if parameter.name in level), parameter.default)
    return list(_values(found))


def _values(setting: Any) -> Iterator[Any]:
    """All values of a setting: one, a gradient over the layers, or conditions on names of tensors."""
    if isinstance(setting, list | tuple):
        for inner in setting:
            yield from _values(inner)
    elif isinstance(setting, Mapping):
        yield from _values(setting.get("value"))
    else:
        yield setting


def _settings(holder: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    settings = holder.get("parameters") or {}
    if not isinstance(settings, Mapping):
        raise BadRecipe(f"{where}: parameters are names and values")
    return settings


def _list(found: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(found, list | tuple) or not all(isinstance(each, Mapping) for each in found):
        raise BadRecipe(f"{where}: a list of models with their parameters is needed")
    return tuple(found)
