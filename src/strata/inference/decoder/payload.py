"""Several tensors as one, for the few architectures whose layers hand on more than a hidden state.

Each tensor is (B, T, ...). They are laid side by side as bytes, position by position, so the whole is again (B, T, N)
and can be split, batched and sent like a hidden state. A header in front of every position says what follows: per
tensor its dtype (1 byte), the number of trailing dimensions (1 byte) and their sizes (4 bytes each, little-endian).
"""

import struct
from collections.abc import Sequence
from math import prod

import torch

from strata.errors import StrataError

_DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.bool)
_MAX_DIMENSIONS = 6


class BadPayload(StrataError):
    """What a stage received is not what a stage sends."""


def pack(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """One uint8 tensor (B, T, N); raises ValueError where the tensors do not share (B, T) or have an unknown dtype."""
    batch, tokens = tensors[0].shape[:2]
    header = bytes([len(tensors)])
    columns = []
    for tensor in tensors:
        sizes = tensor.shape[2:]
        if tensor.shape[:2] != (batch, tokens) or len(sizes) > _MAX_DIMENSIONS:
            raise ValueError(f"a tensor of shape {tuple(tensor.shape)} does not go with ({batch}, {tokens}, ...)")
        header += struct.pack(f"<BB{len(sizes)}I", _DTYPES.index(tensor.dtype), len(sizes), *sizes)
        columns.append(
            tensor.contiguous().view(-1).view(torch.uint8).view(batch, tokens, prod(sizes) * tensor.itemsize)
        )
    front = torch.frombuffer(bytearray(header), dtype=torch.uint8).expand(batch, tokens, len(header))
    return torch.cat([front, *columns], dim=-1)


def unpack(packed: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What `pack` was given; raises BadPayload for anything else."""
    if packed.dim() != 3 or packed.dtype != torch.uint8 or 0 in packed.shape:
        raise BadPayload(f"a stage's input is {packed.dtype} of shape {tuple(packed.shape)}, not packed bytes")
    batch, tokens, width = packed.shape
    head = packed[0, 0].numpy().tobytes()
    specs: list[tuple[torch.dtype, tuple[int, ...]]] = []
    at = 1
    try:
        for _ in range(head[0]):
            kind, dimensions = struct.unpack_from("<BB", head, at)
            if dimensions > _MAX_DIMENSIONS:
                raise BadPayload(f"a packed tensor of {dimensions} dimensions")
            specs.append((_DTYPES[kind], struct.unpack_from(f"<{dimensions}I", head, at + 2)))
            at += 2 + 4 * dimensions
    except (struct.error, IndexError) as error:
        raise BadPayload("the header of a stage's input is cut short") from error
    if at + sum(prod(sizes) * dtype.itemsize for dtype, sizes in specs) != width:
        raise BadPayload("the header of a stage's input does not add up to its length")
    tensors = []
    for dtype, sizes in specs:
        end = at + prod(sizes) * dtype.itemsize
        tensor = torch.empty((batch, tokens, *sizes), dtype=dtype)
        # Copied, because a view as a wider dtype would have to start at a multiple of its size.
        tensor.view(-1).view(torch.uint8).copy_(packed[..., at:end].reshape(-1))
        tensors.append(tensor)
        at = end
    return tuple(tensors)
