"""Finding out how an architecture can be cut, by watching a tiny model of it run once.

Noted are: which weights are used before, in and after the layers, what a layer returns, and which of its arguments the
layer before it made.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedModel

from strata.inference.decoder.split import Traits, Unsplittable, find_layers


@dataclass
class Recording:
    """One forward as the layers saw it, by layer number: the arguments by name, and what was returned.

    A layer that the forward leaves out is missing.
    """

    arguments: dict[int, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[int, Any] = field(default_factory=dict)
    again: bool = False  # some layer was called more than once


def find_traits(model: PreTrainedModel, run: Callable[[PreTrainedModel], Any]) -> tuple[Traits, Recording]:
    """Watch `run(model)`, one forward of a whole model, and conclude how to cut it. Raises Unsplittable.

    The model's tied weights are untied on the way.
    """
    path = find_layers(model)
    layers = model.get_submodule(path)
    assert isinstance(layers, nn.ModuleList)
    _untie(model)
    watcher = _Watcher({id(tensor): name for name, tensor in model.state_dict(keep_vars=True).items()})
    with torch.no_grad(), recorded(layers, watcher) as recording, watcher:
        run(model)
    if recording.again or len(recording.arguments) < 2:
        raise Unsplittable(model.config.model_type, "its layers are not called once each, one after the other")
    before, after, everywhere = _sort(watcher.uses, path)
    hidden, output = _returned(recording, model.config.model_type)
    return Traits(path, before, after, everywhere, (hidden,), output), recording


class _Watcher(TorchFunctionMode):
    """Notes in which place of the forward ("before", the layer's number, "between", "after") each weight is used."""

    def __init__(self, weights: dict[int, str]) -> None:
        super().__init__()
        self.place: int | str = "before"
        self.uses: dict[str, set[int | str]] = {name: set() for name in weights.values()}
        self._weights = weights

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        for leaf in tree_leaves((args, kwargs)):
            name = self._weights.get(id(leaf))
            if name is not None:
                self.uses[name].add(self.place)
        return func(*args, **(kwargs or {}))


@contextmanager
def recorded(layers: nn.ModuleList, watcher: _Watcher | None = None) -> Iterator[Recording]:
    """Record what the layers are called with and what they return, while the block runs."""
    recording = Recording()

    def watch(place: int | str) -> None:
        if watcher is not None:
            watcher.place = place

    def wrap(index: int, layer: nn.Module) -> None:
        original = layer.forward
        names = list(signature(type(layer).forward).parameters)[1:]

        def forward(*args: Any, **kwargs: Any) -> Any:
            recording.again |= index in recording.arguments
            recording.arguments[index] = dict(zip(names, args, strict=False)) | kwargs
            watch(index)
            output = original(*args, **kwargs)
            recording.outputs[index] = output
            watch("after" if index + 1 == len(layers) else "between")
            return output

        layer.forward = forward

    before = [layer.__dict__.get("forward") for layer in layers]
    for index, layer in enumerate(layers):
        wrap(index, layer)
    try:
        yield recording
    finally:
        for layer, forward in zip(layers, before, strict=True):
            if forward is None:
                del layer.forward
            else:
                layer.forward = forward


def _untie(model: PreTrainedModel) -> None:
    """Give each name a weight of its own, so that uses of tied weights are told apart."""
    seen: set[int] = set()
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None and id(weight) in seen:
                module._parameters[name] = nn.Parameter(weight.detach().clone(), requires_grad=False)
            seen.add(id(weight))


def _sort(uses: dict[str, set[int | str]], path: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Names of the weights outside the layers by use: before them, after them, and (also) within or between them.

    Weights that generating text does not use (a vision tower) are in none.
    """
    outside = {name: places for name, places in uses.items() if not name.startswith(path + ".")}
    return (
        tuple(name for name, places in outside.items() if "before" in places),
        tuple(name for name, places in outside.items() if "after" in places),
        tuple(name for name, places in outside.items() if places - {"before", "after"}),
    )


def _returned(recording: Recording, architecture: str) -> tuple[str, tuple[str | None, ...] | None]:
    """The name of the argument that takes a layer's hidden state, and where in the output it stands."""
    index, after = sorted(recording.arguments)[:2]
    output, following = recording.outputs[index], recording.arguments[after]
    first = next(iter(following))

    def argument(value: Any) -> str | None:
        if not isinstance(value, torch.Tensor):
            return None
        return next((name for name, given in following.items() if given is value), None)

    if isinstance(output, torch.Tensor):
        return argument(output) or first, None
    if not isinstance(output, tuple | list):
        raise Unsplittable(architecture, f"its layers return a {type(output).__name__}")
    hidden = argument(output[0]) or first
    return hidden, (hidden, *(argument(value) for value in output[1:]))
