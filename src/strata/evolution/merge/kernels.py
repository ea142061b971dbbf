"""mergekit's costliest computations, quicker, and the same to the last bit.

They take the places of functions in `mergekit.sparsify`, in a worker's process only, and only after they gave the same
bits as these on this machine (`same_bits`): how torch sorts and draws is not promised by anybody.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strata.evolution.merge.selection import largest

# Below so many elements a full sort is as quick as twenty partitions.
_WORTHWHILE = 20_000
_CHUNK = 1 << 20  # random numbers drawn at once

Original = Callable[..., Tensor]
Keys = NDArray[np.integer]


def magnitude(original: Original, rescale: Original) -> Original:
    """`mergekit.sparsify.magnitude`, whose mask comes from a selection in the place of a sort.

    `rescale`: `mergekit.sparsify.rescaled_masked_tensor`.
    """

    def quick(tensor: Tensor, density: float, rescale_norm: Any = None) -> Tensor:
        size = tensor.numel()
        if not 0 < density < 1 or size < _WORTHWHILE:
            return original(tensor, density, rescale_norm)
        top = largest(_magnitude_keys(tensor), max(1, int(density * size)))
        if top is None:
            return original(tensor, density, rescale_norm)
        return rescale(tensor, _ones(torch.from_numpy(top), tensor.dtype).reshape_as(tensor), rescale_norm)

    return quick


def bernoulli(original: Original, rescale: Original) -> Original:
    """`mergekit.sparsify.bernoulli`, drawing by `torch.rand`, in chunks that stay in the cache.

    `torch.bernoulli` of float probabilities compares each with one uniform float32 of the same stream.
    """

    def quick(tensor: Tensor, density: float, rescale_norm: Any = None) -> Tensor:
        if not 0 <= density < 1 or not tensor.numel() or not tensor.is_contiguous():
            return original(tensor, density, rescale_norm)
        work = tensor.dtype if tensor.dtype == torch.bfloat16 else torch.float32
        threshold = torch.tensor(density, dtype=work).float()
        mask = torch.empty(tensor.shape, dtype=work)
        flat = mask.view(-1)
        for begin in range(0, len(flat), _CHUNK):
            part = flat[begin : begin + _CHUNK]
            part.copy_(_ones(torch.rand(part.numel(), dtype=torch.float32) < threshold, work))
        return rescale(tensor.to(work), mask, rescale_norm).to(tensor.dtype)

    return quick


def _ones(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """`mask.to(dtype)`; to half floats by way of whole numbers, which takes a tenth of the time."""
    one = {torch.bfloat16: 0x3F80, torch.float16: 0x3C00}.get(dtype)
    if one is None:
        return mask.to(dtype)
    return mask.view(torch.int8).to(torch.int16).mul_(one).view(dtype)


def _magnitude_keys(tensor: Tensor) -> Keys:
    """Whole numbers in the order of the magnitudes, as a float's bits are; NaN is above all, and equal to NaN."""
    flat = tensor.abs().reshape(-1)
    if flat.dtype in (torch.bfloat16, torch.float16):
        bits, infinity = flat.view(torch.int16).numpy(), 0x7F80 if flat.dtype == torch.bfloat16 else 0x7C00
        narrow: Keys = np.minimum(bits, np.int16(infinity + 1))
        return narrow
    wide: Keys = np.minimum(flat.float().view(torch.int32).numpy(), np.int32(0x7F80_0001))
    return wide


def same_bits(quick: Original, original: Original) -> bool:
    """Whether both give the same bits, and leave the random generator in the same state, on samples of all kinds."""
    state = torch.get_rng_state()
    try:
        return all(_outcome(quick, *sample) == _outcome(original, *sample) for sample in _samples())
    finally:
        torch.set_rng_state(state)


def _outcome(function: Original, tensor: Tensor, density: float) -> tuple[bytes, bytes]:
    torch.manual_seed(1)
    result = function(tensor, density, None)
    return result.contiguous().view(torch.uint8).numpy().tobytes(), torch.get_rng_state().numpy().tobytes()


def _samples() -> Iterator[tuple[Tensor, float]]:
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(3, _WORTHWHILE, generator=generator)
    odd = normal.clone()
    odd[0, ::7], odd[1, ::11], odd[2, ::13] = float("nan"), float("-inf"), -0.0
    shapes = (normal, odd, normal.sort().values, torch.ones_like(normal), (normal * 2).round())
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        for tensor in shapes:
            for density in (0.01, 0.5, 0.93):
                yield tensor.to(dtype), density
