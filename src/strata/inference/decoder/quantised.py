"""Weight matrices held in int8, one scale for each output channel; activations stay in the stage's dtype.

Symmetric round-to-nearest: w[n, k] is held as q[n, k] * s[n] with s = max|w[n]| / 127 rounded up to bfloat16, so every
kernel takes the scale exactly and |w - q s| <= s / 2. Activations are not quantised: the scale that the dynamic int8
kernels give a whole batch would make a row's result depend on its neighbours and on how a prompt was cut.

Two products, by what was fastest for the shapes of SmolLM2 (one thread, AVX-512, torch 2.13; microseconds for one row
of 1536 x 576, where bfloat16 takes 231 and float32 196): ATen's kernel for packed int8 (131) where activations are
bfloat16 and rows few; else blocks of rows that fit the cache are unpacked and multiplied (134 in float32, where
ATen's kernel takes 731). From 16 rows on unpacking is also the faster one in bfloat16. ATen's kernel does not check
that K is a multiple of 16: elsewhere it reads past the end and gives wrong numbers or ends the process.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers.pytorch_utils import Conv1D

from strata.inference.decoder.weights import buffer_of

INT8 = "int8"

_FEW_ROWS = 8
_KERNEL_WIDTH = 16
_BLOCK_ENTRIES = 1 << 19
_STAGING_BYTES = 1 << 20
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)


def quantise_rows(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows (N, K) as int8 (N, K) and scales (N,) float32, each of them exactly a bfloat16."""
    rows = rows.float()
    exact = rows.abs().amax(1) / 127
    scales = exact.bfloat16()
    below = scales.float() < exact
    scales = torch.where(below, (scales.view(torch.int16) + 1).view(torch.bfloat16), scales).float()
    scales = torch.where(scales == 0, torch.ones(()), scales)
    return (rows / scales[:, None]).round_().clamp_(-127, 127).to(torch.int8), scales


class Scratch:
    """Room for one unpacked block, shared by the matrices of a stage, which are multiplied with one at a time."""

    def __init__(self) -> None:
        self._room = torch.empty(0)

    def block(self, values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """`values` in `dtype`; good until the next call."""
        if self._room.numel() < values.numel() or self._room.dtype != dtype:
            self._room = torch.empty(max(values.numel(), _BLOCK_ENTRIES), dtype=dtype)
        return self._room[: values.numel()].view(values.shape).copy_(values)


class Int8Linear(nn.Module):
    """What an nn.Linear or a transformers Conv1D computes, from int8.

    It has no attribute `weight`, so that model code which reaches for one fails instead of computing with integers; in
    the state dict the matrix keeps that name, by which checkpoints call it.
    """

    def __init__(self, module: nn.Module, scratch: Scratch) -> None:
        super().__init__()
        weight = module.weight
        assert isinstance(weight, torch.Tensor)
        self.transposed = isinstance(module, Conv1D)
        self.dtype = weight.dtype
        shape = weight.shape[::-1] if self.transposed else weight.shape
        self.out_features, self.in_features = shape
        held = torch.bfloat16 if self.dtype == torch.bfloat16 else torch.float32
        self.values = _constant(torch.empty(shape, dtype=torch.int8, device=weight.device))
        self.scales = _constant(torch.empty(shape[0], dtype=held, device=weight.device))
        self.bias: nn.Parameter | None = getattr(module, "bias", None)
        self._scratch = scratch

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., K) in the stage's dtype to (..., N)."""
        rows = inputs.reshape(-1, self.in_features)
        fits = self.in_features % _KERNEL_WIDTH == 0 and 0 < len(rows) <= _FEW_ROWS
        if fits and inputs.dtype == self.scales.dtype == torch.bfloat16:
            output = torch._weight_int8pack_mm(rows.contiguous(), self.values, self.scales)
        else:
            # In float16 a sum of products with integers would overflow.
            wide = torch.float32 if inputs.dtype == torch.float16 else inputs.dtype
            output = self._blockwise(rows.to(wide)).to(inputs.dtype)
        if self.bias is not None:
            output += self.bias
        return output.view(*inputs.shape[:-1], self.out_features)

    def _blockwise(self, rows: torch.Tensor) -> torch.Tensor:
        step = max(1, _BLOCK_ENTRIES // self.in_features)
        output = rows.new_empty(len(rows), self.out_features)
        for start in range(0, self.out_features, step):
            block = self._scratch.block(self.values[start : start + step], rows.dtype)
            torch.mul(F.linear(rows, block), self.scales[start : start + step], out=output[:, start : start + step])
        return output

    def rows(self, ids: torch.Tensor) -> torch.Tensor:
        """The rows (n, K) of the matrix at `ids` (n,), in the stage's dtype; raises IndexError where there is none."""
        wide = torch.promote_types(self.dtype, self.scales.dtype)
        values = self.values.index_select(0, ids).to(wide)
        return values.mul_(self.scales.index_select(0, ids)[:, None]).to(self.dtype)

    def fill(self, weight: torch.Tensor) -> None:
        """Hold `weight`, of the shape of the module that this stands for."""
        rows = weight.t() if self.transposed else weight
        for start, count in _pieces(rows):
            self._set(start, rows[start : start + count])

    def read(self, name: str, source: Callable[[str], torch.Tensor]) -> None:
        """Hold the checkpoint tensor `name`, of which no more than some rows are in memory where the source can."""
        read_into: Callable[..., bool] | None = getattr(source, "read_into", None)
        if read_into is not None and not self.transposed:
            shape = (self.out_features, self.in_features)
            if any(read_into(name, self._row_buffers(dtype), dtype, shape) for dtype in FLOATS):
                return
        self.fill(source(name))

    def _row_buffers(self, dtype: torch.dtype) -> Iterator[memoryview]:
        """Buffers for the rows in turn, each quantised when the next is asked for (as `weights.buffers_of`)."""
        count = max(1, _STAGING_BYTES // (self.in_features * dtype.itemsize))
        staging = torch.empty((min(count, self.out_features), self.in_features), dtype=dtype)
        for start in range(0, self.out_features, count):
            part = staging[: min(count, self.out_features - start)]
            yield buffer_of(part)
            self._set(start, part)

    def _set(self, start: int, rows: torch.Tensor) -> None:
        # By way of the stage's dtype, so that it is the same whether it is read or copied from a tied embedding.
        values, scales = quantise_rows(rows.to(self.dtype))
        self.values[start : start + len(rows)] = values
        self.scales[start : start + len(rows)] = scales

    def __getattr__(self, name: str) -> Any:
        if name == "weight":
            raise AttributeError("its code uses the weight of a linear module itself, which is not held as floats")
        return super().__getattr__(name)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        destination[prefix + "weight"] = self.values if keep_vars else self.values.detach()
        if self.bias is not None:
            destination[prefix + "bias"] = self.bias if keep_vars else self.bias.detach()


def packed(model: nn.Module, wanted: set[str]) -> dict[str, Int8Linear]:
    """For each linear module whose weight is named in `wanted`, by that name, what is to stand in its place.

    Subclasses are left alone: they may compute something else.
    """
    scratch = Scratch()
    return {
        f"{path}.weight": Int8Linear(module, scratch)
        for path, module in model.named_modules()
        if f"{path}.weight" in wanted and is_quantisable(module)
    }


def install(model: nn.Module, made: Mapping[str, Int8Linear]) -> None:
    """Put the modules of `packed` in their places, with the biases that lie there."""
    for name, module in made.items():
        path = name.removesuffix(".weight")
        module.bias = getattr(model.get_submodule(path), "bias", None)
        model.set_submodule(path, module)


def is_quantisable(module: nn.Module) -> bool:
    """Whether the module's matrix may be held in int8."""
    return type(module) in {nn.Linear, Conv1D}


def _constant(tensor: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def _pieces(rows: torch.Tensor) -> Iterator[tuple[int, int]]:
    count = max(1, _STAGING_BYTES // (rows.shape[1] * rows.itemsize))
    return ((start, min(count, len(rows) - start)) for start in range(0, len(rows), count))
