"""Decode steps that call a stage's layers directly, where that is shown to be what the model's forward does.

Most of a decode step outside the layers goes into Python that computes the same thing again: defaults, masks, position
tables, a walk over all layers. Four stages pay for it four times. So the forward is run once, without its layers, for a
block of positions ahead; what the layers would be called with at each position is then a slice of that. A real step is
watched beside it, and only if every argument equals its slice, each layer takes exactly what the one before returned,
and nothing happens around the layers but calls of whole modules, do the following steps of the block call the layers
straight away. At the end of a block this is shown anew. Without padding the arguments of a position are the same for
all sessions of as many rows, up to the cache, so what one has been shown serves the others of its stage there too.
Nothing here knows any architecture.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from inspect import signature
from typing import Any, Protocol

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache

from strata.inference.decoder.slices import Arguments, SlicedArguments, slices
from strata.inference.decoder.split import Cut, Left
from strata.inference.decoder.watch import Recording, recorded

KEPT = 32  # programs that a stage keeps for its sessions
BLOCK = 64  # positions; a prelude of 64 costs about as much as one of 1


_Call = tuple[nn.Module, tuple[Any, ...], Any]  # module, arguments, output
_Layer = tuple[Callable[..., Any], int]  # forward, which of the program's arguments
_NOTHING: tuple[nn.Module, ...] = ()
_NOBODYS = Cache(layers=[])


class Owner(Protocol):
    """What a session needs of its stage, whose layers are called."""

    model: PreTrainedModel
    cut: Cut
    first: int
    last: int
    is_first: bool
    is_last: bool
    proved: dict[Hashable, bool]  # by structure of a program: whether several of it may run as one
    programs: list["Program"]  # what sessions were shown, the newest last


@dataclass(frozen=True)
class Program:
    """A decode step as calls: `before` it on token ids, the layers with their arguments, `after` them."""

    rows: int
    start: int
    end: int
    before: tuple[nn.Module, ...]
    layers: tuple[_Layer, ...]
    arguments: tuple[SlicedArguments, ...]
    place: int | None  # of the hidden state in what a layer returns
    after: tuple[nn.Module, ...]

    def run(self, value: torch.Tensor, position: int) -> torch.Tensor:
        """The step at `position`: token ids or hidden states in, hidden states or logits (B, 1, V) out."""
        return self.call(value, [arguments.at(position - self.start) for arguments in self.arguments])

    def call(self, value: torch.Tensor, kwargs: Sequence[Arguments]) -> torch.Tensor:
        """The same with `kwargs` in place of its own arguments."""
        for module in self.before:
            value = module(value)
        for forward, index in self.layers:
            output = forward(value, **kwargs[index])
            value = output if self.place is None else output[self.place]
        for module in self.after:
            value = module(value)
        return value

    def with_cache(self, cache: Cache) -> "Program":
        """The same for another session, whose cache this is."""
        return replace(self, arguments=tuple(arguments.with_cache(cache) for arguments in self.arguments))

    @cached_property
    def structure(self) -> Hashable:
        """What it calls, and how it comes by the arguments: equal for programs that differ in their values only."""
        layers = tuple((id(getattr(forward, "__self__", forward)), index) for forward, index in self.layers)
        kinds = tuple(arguments.kinds for arguments in self.arguments)
        return tuple(map(id, self.before)), layers, self.place, tuple(map(id, self.after)), kinds


class DirectSteps:
    """The direct path of one session, which has so many rows without padding, and this cache.

    Ask `program` first; where it gives None, let `watch` see the step being made.
    """

    def __init__(self, stage: Owner, rows: int, cache: Cache) -> None:
        self._stage = stage
        self._rows = rows
        self._cache = cache
        self._program: Program | None = None
        self._refused = False
        layers = stage.model.get_submodule(stage.cut.traits.layers)
        assert isinstance(layers, nn.ModuleList)
        self._layers = layers

    def program(self, position: int) -> Program | None:
        """How to make the step at `position`, if that is known."""
        if self._program is None or not self._program.start <= position < self._program.end:
            known = (each for each in reversed(self._stage.programs) if each.rows == self._rows)
            found = next((each for each in known if each.start <= position < each.end), None)
            self._program = None if found is None else found.with_cache(self._cache)
        return self._program

    def watch(
        self,
        ids: torch.Tensor,
        position: int,
        prelude: Callable[[int], Arguments],
        step: Callable[[], torch.Tensor],
        room: int,
    ) -> torch.Tensor:
        """Make a step for token ids (B, 1) by way of `step()` and learn from it.

        `prelude(n)` gives the model's arguments for n positions from `position` on, of which there is room for `room`.
        """
        count = min(BLOCK, room)
        if self._refused or count < 2:
            return step()
        block = self._run_without_layers(prelude(count))
        if block is None:
            self._refused = True
            return step()
        with recorded(self._layers) as seen, self._watched_modules() as calls:
            output = step()
        value, layers, arguments = self._chain(block, seen, count)
        before = self._before(ids, seen, calls)
        after = _NOTHING if value is output else None
        if value is not None and self._stage.is_last:
            after = _path(calls, value, output)
        self._refused = value is None or before is None or after is None
        if before is not None and after is not None:
            place = self._place
            program = Program(len(ids), position, position + count, before, layers, arguments, place, after)
            # Kept without the cache, so that a session's memory goes with it.
            self._stage.programs[:] = [*self._stage.programs[1 - KEPT :], program.with_cache(_NOBODYS)]
            self._program = program
        return output

    def _own(self) -> range:
        return range(self._stage.first, self._stage.last + 1)

    def _run_without_layers(self, arguments: Arguments) -> Recording | None:
        """What the stage's layers would be called with; None where the model does not run like this."""
        stage = self._stage
        with _forwards_kept(self._layers):
            for index in self._own():
                through = stage.cut.hand_through(self._layers[index])
                self._layers[index].forward = through if index < stage.last else _leaving
            with recorded(self._layers) as seen:
                try:
                    stage.model(**arguments)
                except Left:
                    return seen
                except (RuntimeError, ValueError, TypeError, IndexError):
                    return None
        return None

    @contextmanager
    def _watched_modules(self) -> Iterator[list[_Call]]:
        """Calls of modules beside the layers, in order."""
        calls: list[_Call] = []

        def note(module: nn.Module, args: tuple[Any, ...], kwargs: Arguments, output: Any) -> None:
            if not kwargs:
                calls.append((module, args, output))

        path = self._stage.cut.traits.layers + "."
        beside = [m for n, m in self._stage.model.named_modules() if not f"{n}.".startswith(path)]
        handles = [m.register_forward_hook(note, with_kwargs=True) for m in beside]
        try:
            yield calls
        finally:
            for handle in handles:
                handle.remove()

    @property
    def _place(self) -> int | None:
        traits = self._stage.cut.traits
        return None if traits.output is None else traits.output.index(traits.carried[0])

    def _before(self, ids: torch.Tensor, seen: Recording, calls: list[_Call]) -> tuple[nn.Module, ...] | None:
        """The modules that make the first layer's input from token ids."""
        if not self._stage.is_first:
            return _NOTHING
        return _path(calls, ids, seen.arguments.get(0, {}).get(self._stage.cut.traits.carried[0]))

    def _chain(
        self, block: Recording, seen: Recording, count: int
    ) -> tuple[torch.Tensor | None, tuple[_Layer, ...], tuple[SlicedArguments, ...]]:
        """What comes out of the last layer, the layers, and their arguments; None where they do not make a chain."""
        hidden = self._stage.cut.traits.carried[0]
        layers: list[_Layer] = []
        arguments: list[SlicedArguments] = []
        value: torch.Tensor | None = None
        for index in self._own():
            layer = self._layers[index]
            if index not in seen.outputs or index not in block.arguments:
                return None, (), ()  # this layer is left out
            given, wide = dict(seen.arguments[index]), dict(block.arguments[index])
            entered, _ = given.pop(hidden, None), wide.pop(hidden, None)
            if value is not None and entered is not value:
                return None, (), ()  # something happens between the layers
            sliced = slices(given, wide, count)
            if sliced is None or list(signature(type(layer).forward).parameters)[1] != hidden:
                return None, (), ()
            shared = next((i for i, other in enumerate(arguments) if other.is_same(sliced)), len(arguments))
            if shared == len(arguments):
                arguments.append(sliced)
            layers.append((type(layer).forward.__get__(layer), shared))
            output = seen.outputs[index]
            value = output if self._place is None else output[self._place]
        return value, tuple(layers), tuple(arguments)


def _leaving(*_args: Any, **_kwargs: Any) -> Any:
    raise Left


@contextmanager
def _forwards_kept(layers: nn.ModuleList) -> Iterator[None]:
    kept = [layer.__dict__.get("forward") for layer in layers]
    try:
        yield
    finally:
        for layer, forward in zip(layers, kept, strict=True):
            if forward is not None:
                layer.forward = forward
            else:
                layer.__dict__.pop("forward", None)


def _path(calls: list[_Call], start: torch.Tensor, end: Any) -> tuple[nn.Module, ...] | None:
    """Modules that, one after the other and with nothing between, lead from `start` to `end`; None if none do."""
    modules: list[nn.Module] = []
    value = start
    for module, args, output in calls:
        if len(args) == 1 and isinstance(output, torch.Tensor) and _is_same(args[0], value):
            modules.append(module)
            value = output
    return tuple(modules) if isinstance(end, torch.Tensor) and _is_same(value, end) else None


def _is_same(one: Any, other: torch.Tensor) -> bool:
    """Whether two tensors are the same memory read in the same way, up to dimensions of size 1."""
    return (
        isinstance(one, torch.Tensor)
        and one.data_ptr() == other.data_ptr()
        and one.dtype == other.dtype
        and one.squeeze().shape == other.squeeze().shape
        and one.squeeze().stride() == other.squeeze().stride()
    )
