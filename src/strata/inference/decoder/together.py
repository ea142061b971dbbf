"""Decode steps of several sessions as one, so that the weights are read once for all of them.

Sessions keep caches, lengths and positions of their own: their hidden states are stacked, the layers are called once,
and where a layer appends to the cache and attends, each session's rows do so by themselves. That is possible where the
layers can be called directly (`direct`) and leave attention to transformers' registered function: what the stacked
cache returns in place of keys and values is no tensor, so a layer that does anything else with it fails. And it is
done only after it has been tried: the first steps that could go together are made both ways, and what is returned is
what each session gives alone; only where the two are the same do later ones go together.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import outcome
import torch
from torch.utils._pytree import tree_unflatten
from transformers.cache_utils import Cache

from strata.inference.decoder.attention import PerSession
from strata.inference.decoder.cache import StageCache
from strata.inference.decoder.direct import Program
from strata.inference.decoder.session import StageSession
from strata.inference.decoder.slices import Arguments, Sliced

Result = outcome.Outcome[torch.Tensor]


@dataclass(frozen=True)
class Ready:
    """A session, what its next step is given, and how that step is made."""

    session: StageSession
    inputs: torch.Tensor
    program: Program


@torch.inference_mode()
def forward_together(sessions: Sequence[StageSession], inputs: Sequence[torch.Tensor]) -> list[Result]:
    """What each session's `forward` returns, or raises, for its inputs; sessions are all different.

    Steps go together where that is known to be the same up to the order of sums, and are made one by one elsewhere. An
    error is that of the session alone.
    """
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, (session, given) in enumerate(zip(sessions, inputs, strict=True)):
        program = session.program(given)
        groups[index if program is None else (given.shape[2:], given.dtype, program.structure)].append(index)
    results: dict[int, Result] = {}
    for key, indices in groups.items():
        chosen = [(sessions[index], inputs[index]) for index in indices]
        if len(chosen) < 2 or not chosen[0][0].stage.proved.get(key, True):
            found: list[Result] = [outcome.capture(session.forward, given) for session, given in chosen]
        else:
            found = _as_one(key, chosen)
        results |= zip(indices, found, strict=True)
    return [results[index] for index in range(len(sessions))]


def _as_one(key: Hashable, chosen: Sequence[tuple[StageSession, torch.Tensor]]) -> list[Result]:
    steps = []
    for session, given in chosen:
        program = session.program(given)
        assert program is not None
        steps.append(Ready(session, given, program))
    stage = chosen[0][0].stage
    result = outcome.capture(_run, steps)
    if isinstance(result, outcome.Value) and stage.proved.get(key):
        for step in steps:
            step.session.cache.advance(1)
        return [outcome.Value(output) for output in result.value]
    for step in steps:
        step.session.cache.rewind()
    alone: list[Result] = [outcome.capture(session.forward, given) for session, given in chosen]
    outputs = [each.value for each in alone if isinstance(each, outcome.Value)]
    if key not in stage.proved and len(outputs) == len(alone):
        stage.proved[key] = isinstance(result, outcome.Value) and all(map(_is_close, outputs, result.value))
    return alone


def _run(steps: Sequence[Ready]) -> list[torch.Tensor]:
    """The outputs of the steps, whose keys and values are in their sessions' caches then."""
    rows = [step.session.batch for step in steps]
    cache = _StackedCache([step.session.cache for step in steps], rows)
    arguments = [_stacked(steps, index, cache, rows) for index in range(len(steps[0].program.arguments))]
    output = steps[0].program.call(torch.cat([step.inputs for step in steps]), arguments)
    if steps[0].session.stage.is_last:
        output = output[:, -1]
    return list(output.split_with_sizes(rows))


def _stacked(steps: Sequence[Ready], index: int, cache: Cache, rows: Sequence[int]) -> Arguments:
    """The arguments number `index` of all programs, each at its session's position, for stacked rows."""
    offsets = [step.session.length - step.program.start for step in steps]
    own = [step.program.arguments[index] for step in steps]
    leaves: list[Any] = []
    for kinds in zip(*(arguments.leaves for arguments in own), strict=True):
        if isinstance(kinds[0], Sliced):
            leaves.append(torch.cat([_at(*each) for each in zip(kinds, offsets, rows, strict=True)]))
        elif isinstance(kinds[0], Cache):
            leaves.append(cache)
        elif all(leaf is kinds[0] or _is_equal(leaf, kinds[0]) for leaf in kinds[1:]):
            leaves.append(kinds[0])
        else:
            raise TypeError("an argument differs from session to session")
    arguments: Arguments = tree_unflatten(leaves, own[0].spec)
    return arguments


def _at(sliced: Sliced, offset: int, rows: int) -> torch.Tensor:
    """One position of a block for each of a session's rows."""
    if sliced.axis == 0 or sliced.block.shape[0] not in {1, rows}:
        raise TypeError("an argument has no dimension for rows")
    return sliced.block.narrow(sliced.axis, offset, 1).expand(rows, *(-1,) * (sliced.block.dim() - 1))


def _is_equal(one: Any, other: Any) -> bool:
    return isinstance(one, bool | int | float | str) and type(one) is type(other) and one == other


def _is_close(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Equal up to rounding: a wrong row, position or cache changes about everything."""
    tolerance = torch.finfo(one.dtype).eps ** 0.5
    return bool((one - other).abs().max() <= tolerance * one.abs().max())


class _StackedCache(Cache):
    """The caches of several sessions where a layer expects one. It can be appended to and nothing else."""

    def __init__(self, caches: Sequence[StageCache], rows: Sequence[int]) -> None:
        self._layers: list[list[Any]] = [each.cache.layers for each in caches]
        self._rows = rows

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[Any, Any]:
        """Append each session's rows to its own cache; returns all that these hold now."""
        split = zip(
            self._layers,
            key_states.split_with_sizes(self._rows),
            value_states.split_with_sizes(self._rows),
            strict=True,
        )
        pairs = [layers[layer_idx].update(keys, values) for layers, keys, values in split]
        keys, values = zip(*pairs, strict=True)
        return PerSession(keys, self._rows), PerSession(values, self._rows)
