"""mergekit's merge methods and their parameters, as data: what a search may vary, and how far.

Names, scopes and defaults are those of mergekit 0.1.5's registry (a test compares them). mergekit checks types only
and passes over a parameter it does not know; the ranges here are those in which a method does what its paper says.
"""

import math
from dataclasses import dataclass
from typing import Literal

Scope = Literal["shared", "input", "non_base"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a method.

    `scope`: `shared` is one value for all models, `input` one for each model, `non_base` one for each but the base.
    `default`: None means that there is none, and the parameter is `required` unless mergekit does without.
    A value lies in [low, high], or beyond an end that is `open`.
    """

    name: str
    kind: Literal["float", "int", "bool"]
    scope: Scope = "shared"
    default: float | bool | None = None
    required: bool = False
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def fault(self, value: object) -> str | None:
        """What is wrong with the value, with the range; None if nothing is."""
        if self.kind == "bool":
            return None if isinstance(value, bool) else f"{self.name} is true or false, not {value!r:.80}"
        number = _number(value)
        whole = self.kind == "float" or (number is not None and number == int(number))
        if number is not None and whole and self._holds(number):
            return None
        number_kind = "a whole number" if self.kind == "int" else "a number"
        return f"{self.name} is {number_kind} in {self.range}, not {value!r:.80}"

    @property
    def range(self) -> str:
        """The range in the usual notation, such as `(0, 1]`."""
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def _holds(self, number: float) -> bool:
        above = number > self.low if self.low_open else number >= self.low
        return above and (number < self.high if self.high_open else number <= self.high)


@dataclass(frozen=True)
class Method:
    """A merge method. `base`: whether it needs a base model; `least` and `most` count the models beside the base.

    Where `base` is `ignored` they count all models.
    """

    name: str
    base: Literal["required", "optional", "ignored"]
    parameters: tuple[Parameter, ...] = ()
    least: int = 1
    most: int | None = None

    def parameter(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)


def _number(value: object) -> float | None:
    """The finite number that mergekit would read, also from a text such as YAML's `1e-5`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _weight(scope: Scope) -> Parameter:
    return Parameter("weight", "float", scope, required=True)


def _task_arithmetic(name: str, *more: Parameter, normalize: bool = False, rescale: bool = False) -> Method:
    """The family of methods on differences from a base, which share most parameters."""
    shared = (
        Parameter("int8_mask", "bool", default=False),
        Parameter("normalize", "bool", default=normalize),
        Parameter("rescale", "bool", default=rescale),
        Parameter("lambda", "float", default=1.0),
        _weight("non_base"),
        Parameter("density", "float", "non_base", 1.0, low=0.0, low_open=True, high=1.0),
    )
    return Method(name, "required", (*shared, *more))


_GAMMA = Parameter("gamma", "float", "non_base", 0.01, low=0.0, high=1.0, high_open=True)
# DELLA also asks that density - epsilon and density + epsilon lie within (0, 1): see `check`.
_EPSILON = Parameter("epsilon", "float", "non_base", 0.15, low=0.0, high=0.5, high_open=True)

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("linear", "ignored", (_weight("input"), Parameter("normalize", "bool", default=True))),
        Method("slerp", "required", (Parameter("t", "float", required=True, low=0.0, high=1.0),), most=1),
        Method(
            "nuslerp",
            "optional",
            (
                _weight("non_base"),
                Parameter("nuslerp_row_wise", "bool", default=False),
                Parameter("nuslerp_flatten", "bool", default=True),
            ),
            least=2,
            most=2,
        ),
        Method(
            "multislerp",
            "optional",
            (
                _weight("non_base"),
                Parameter("normalize_weights", "bool", default=True),
                Parameter("eps", "float", default=1e-8, low=0.0, low_open=True, high=1e-2),
            ),
        ),
        Method(
            "karcher",
            "ignored",
            (
                Parameter("max_iter", "int", default=10, low=1, high=1000),
                Parameter("tol", "float", default=1e-5, low=0.0, low_open=True, high=1e-2),
            ),
        ),
        Method("model_stock", "required", (Parameter("filter_wise", "bool", default=False),), least=2),
        Method("arcee_fusion", "required", most=1),
        Method("nearswap", "required", (Parameter("t", "float", required=True, low=0.0),), most=1),
        Method("passthrough", "ignored", (Parameter("scale", "float", "input"),), most=1),
        Method(
            "sce",
            "required",
            (
                Parameter("int8_mask", "bool", default=False),
                Parameter("select_topk", "float", default=1.0, low=0.0, high=1.0),
            ),
        ),
        Method("ram", "required", (Parameter("epsilon", "float", default=1e-5, low=0.0),)),
        Method(
            "ramplus_tl",
            "required",
            (
                Parameter("r", "float", default=0.1, low=0.0),
                Parameter("alpha", "float", default=0.2, low=0.0),
                Parameter("epsilon", "float", default=1e-5, low=0.0, low_open=True),
            ),
        ),
        _task_arithmetic("task_arithmetic"),
        _task_arithmetic("ties", normalize=True),
        _task_arithmetic("dare_ties", rescale=True),
        _task_arithmetic("dare_linear", rescale=True),
        _task_arithmetic("della", _EPSILON, normalize=True, rescale=True),
        _task_arithmetic("della_linear", _EPSILON, rescale=True),
        _task_arithmetic("breadcrumbs", _GAMMA),
        _task_arithmetic("breadcrumbs_ties", _GAMMA),
    )
}
