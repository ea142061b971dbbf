"""The KV cache of one stage: room for the layers it owns, lengths only for the others.

Models ask the cache how long the sequence is by way of layer 0, or of the first layer of a kind, whoever owns it. So a
stage keeps a cache of all layers, of which those that it does not run answer with the session's length and hold
nothing.
"""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer, LinearAttentionCacheLayerMixin


class Preallocated(DynamicLayer):  # type: ignore[no-untyped-call]
    """A full-attention layer's keys and values in room for `capacity` tokens, so that a step copies one token only.

    Memory is taken from the system as tokens arrive (untouched pages cost nothing).
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.length = 0
        self._room: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (B, heads, T, size) states and return all of them, as views."""
        if self._room is None:
            self.lazy_initialization(key_states, value_states)
            self._room = (self._make_room(key_states), self._make_room(value_states))
        start, self.length = self.length, self.length + key_states.shape[-2]
        keys, values = self._room
        keys[..., start : self.length, :] = key_states
        values[..., start : self.length, :] = value_states
        self.keys, self.values = keys[..., : self.length, :], values[..., : self.length, :]
        return self.keys, self.values

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if self._room is not None:
            self.length = length
            self.keys, self.values = (room[..., :length, :] for room in self._room)

    @property
    def is_written(self) -> bool:
        """Whether it has ever held anything."""
        return self._room is not None

    @property
    def tensors(self) -> list[torch.Tensor]:
        """What it keeps in memory."""
        return [] if self._room is None else [*self._room]

    @property
    def nbytes(self) -> int:
        """Bytes that the tokens so far take."""
        return sum(room[..., : self.length, :].nbytes for room in self._room or ())

    def _make_room(self, states: torch.Tensor) -> torch.Tensor:
        return states.new_empty((*states.shape[:-2], self.capacity, states.shape[-1]))

    def get_seq_length(self) -> int:
        """Tokens held."""
        return self.length


class _LengthOnly:
    """Mixed into the class of a layer that another stage owns: it answers as if it held `cumulative_length` tokens."""

    _layer_type = None  # transformers registers a cache class under this name where it is set
    cumulative_length: int

    def get_seq_length(self) -> int:
        return self.cumulative_length


class StageCache:
    """A session's cache in one stage. `cache` goes to the model; call `advance` after each forward.

    make: a layer of full attention with room for so many tokens.
    """

    def __init__(
        self, config: PreTrainedConfig, max_context: int, make: Callable[[int], Preallocated] = Preallocated
    ) -> None:
        self.cache = DynamicCache(config=config)
        self.length = 0
        self.cache.layers = [make(max_context) if type(layer) is DynamicLayer else layer for layer in self.cache.layers]
        self._others: list[Any] | None = None

    def advance(self, tokens: int) -> None:
        """Note that `tokens` more have been seen. After the first call, layers that got nothing are another stage's."""
        self.length += tokens
        if self._others is None:
            layers = self.cache.layers
            others = {i: _length_only(layer) for i, layer in enumerate(layers) if not _was_written(layer)}
            self.cache.layers = [others.get(i, layer) for i, layer in enumerate(layers)]
            self._others = list(others.values())
        for layer in self._others:
            layer.cumulative_length = self.length

    def rewind(self, length: int | None = None) -> None:
        """Forget all but the first `length` tokens, None: what was written since the last `advance`.

        For a cache that is plain.
        """
        self.length = self.length if length is None else length
        for layer in self.cache.layers:
            assert isinstance(layer, Preallocated)
            layer.rewind(self.length)
        for layer in self._others or ():
            layer.cumulative_length = self.length

    @property
    def is_plain(self) -> bool:
        """Whether all layers, other stages' too, cache full attention."""
        return all(isinstance(layer, Preallocated) for layer in self.cache.layers)

    @property
    def is_used(self) -> bool:
        """Whether any layer has written to it."""
        return any(map(_was_written, self.cache.layers))

    @property
    def nbytes(self) -> int:
        """Bytes in use: what the tokens so far occupy."""
        return sum(map(_nbytes, self.cache.layers))


def allocated_bytes(caches: Iterable[StageCache]) -> int:
    """Bytes that were allocated for what the caches hold, room for tokens to come included."""
    storages = [
        tensor.untyped_storage() for each in caches for layer in each.cache.layers for tensor in _tensors(layer)
    ]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def _length_only(layer: Any) -> Any:
    kind = _length_only_class(type(layer))  # type: ignore[arg-type]
    stand_in = object.__new__(kind)
    stand_in.__dict__.update(layer.__dict__)
    if isinstance(layer, LinearAttentionCacheLayerMixin):
        stand_in.has_previous_state = dict.fromkeys(layer.has_previous_state, True)
    return stand_in


@cache
def _length_only_class(kind: Any) -> Any:
    return type(kind.__name__, (_LengthOnly, kind), {})


def _was_written(layer: Any) -> bool:
    if isinstance(layer, Preallocated):
        return layer.is_written
    if isinstance(layer, LinearAttentionCacheLayerMixin) and any(layer.has_previous_state.values()):
        return True
    return layer.keys is not None if hasattr(layer, "keys") else False


def _nbytes(layer: Any) -> int:
    return layer.nbytes if isinstance(layer, Preallocated) else sum(tensor.nbytes for tensor in _tensors(layer))


def _tensors(layer: Any) -> list[torch.Tensor]:
    if isinstance(layer, Preallocated):
        return layer.tensors
    found = [t for t in (getattr(layer, "keys", None), getattr(layer, "values", None)) if t is not None]
    for states in (getattr(layer, "conv_states", {}), getattr(layer, "recurrent_states", {})):
        found += [state for state in states.values() if state is not None]
    return found
