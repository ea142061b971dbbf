"""Keys and values in 8 bits: about half the memory of half precision, a quarter of float32's.

Each token's features are rounded in blocks of 32 with a scale of their own (symmetric, to the block's largest value),
as the Q8_0 blocks of ggml (https://github.com/ggml-org/ggml, `block_q8_0`) are. Attention is given one layer's keys and
values in the model's dtype, in memory that all layers of a session share, so a step converts the whole context
anew: it trades time for memory.
"""

from typing import Any

import torch
from torch.nn import functional

from strata.errors import StrataError
from strata.inference.decoder.cache import Preallocated

BLOCK = 32  # features


class NotInEightBits(StrataError):
    """The model cannot have its keys and values in 8 bits."""


class Unpacked:
    """Memory for one layer's keys and values at a time."""

    def __init__(self) -> None:
        self._tensors: dict[str, torch.Tensor] = {}

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All of it."""
        return [*self._tensors.values()]

    def get(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A tensor of that shape, whose memory the last one of the name had too."""
        count = torch.Size(shape).numel()
        kept = self._tensors.get(name)
        if kept is None or kept.numel() < count or kept.dtype != dtype:
            self._tensors.pop(name, None)  # first, so that the two are never there together
            kept = self._tensors[name] = torch.empty(count + count // 8, dtype=dtype)
        return kept[:count].view(shape)


class Blocks:
    """One layer's keys, or values, of (B, heads, T, size) in room for `capacity` tokens."""

    def __init__(self, like: torch.Tensor, capacity: int) -> None:
        batch, heads, _, size = like.shape
        self._shape = heads, size
        self._width = heads * size
        blocks = -(-self._width // BLOCK)
        self.values = torch.empty((batch, capacity, blocks, BLOCK), dtype=torch.int8)
        self.scales = torch.empty((batch, capacity, blocks, 1), dtype=like.dtype)

    def write(self, start: int, states: torch.Tensor) -> None:
        """Round (B, heads, T, size) states into the places from `start` on."""
        batch, _, tokens, _ = states.shape
        flat = states.transpose(1, 2).flatten(2)
        padded = functional.pad(flat, (0, -self._width % BLOCK)).reshape(batch, tokens, -1, BLOCK).float()
        scales = (padded.abs().amax(-1, keepdim=True) / 127).to(self.scales.dtype)
        end = start + tokens
        self.scales[:, start:end] = scales
        # By the scale as it is kept; where that is 0, or so small that it has become 0, so are all values.
        self.values[:, start:end] = (padded / scales.float()).nan_to_num_(0, 0, 0).round_().clamp_(-127, 127)

    def read(self, length: int, unpacked: Unpacked, name: str) -> torch.Tensor:
        """The first `length` tokens, (B, heads, length, size) in the dtype; good until `name` is next unpacked."""
        values, scales = self.values[:, :length], self.scales[:, :length]
        out = unpacked.get(name, tuple(values.shape), scales.dtype)
        torch.mul(values, scales, out=out)
        states = out.flatten(2)[..., : self._width]
        return states.view(len(values), length, *self._shape).transpose(1, 2)

    def nbytes(self, length: int) -> int:
        """Bytes that `length` tokens take."""
        return length * (self.values[:, 0].nbytes + self.scales[:, 0].nbytes)


class Preallocated8(Preallocated):  # type: ignore[no-untyped-call]
    """A full-attention layer's keys and values in 8 bits, in room for `capacity` tokens."""

    def __init__(self, capacity: int, unpacked: Unpacked) -> None:
        super().__init__(capacity)
        self._unpacked = unpacked
        self._blocks: tuple[Blocks, Blocks] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append (B, heads, T, size) states and return all of them, which are valid until any layer's next update."""
        if self._blocks is None:
            self.lazy_initialization(key_states, value_states)
            self._blocks = Blocks(key_states, self.capacity), Blocks(value_states, self.capacity)
        start, self.length = self.length, self.length + key_states.shape[-2]
        keys, values = self._blocks
        keys.write(start, key_states)
        values.write(start, value_states)
        return keys.read(self.length, self._unpacked, "keys"), values.read(self.length, self._unpacked, "values")

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        self.length = length

    @property
    def is_written(self) -> bool:
        """Whether it has ever held anything."""
        return self._blocks is not None

    @property
    def tensors(self) -> list[torch.Tensor]:
        """What it keeps in memory, that which layers share included."""
        own = [tensor for blocks in self._blocks or () for tensor in (blocks.values, blocks.scales)]
        return own + self._unpacked.tensors

    @property
    def nbytes(self) -> int:
        """Bytes that the tokens so far take."""
        return 0 if self._blocks is None else sum(blocks.nbytes(self.length) for blocks in self._blocks)

    @property
    def keys(self) -> Any:
        """Not kept: a model that takes another layer's keys from its cache would be given those of the last layer."""
        raise NotInEightBits("it reads a cache of keys and values otherwise than by adding to it")

    @keys.setter
    def keys(self, value: Any) -> None:
        """The base class sets them to nothing, which is what is kept."""

    values = keys
