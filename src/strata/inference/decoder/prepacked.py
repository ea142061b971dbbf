"""Matrices in the blocks that oneDNN multiplies by, so that a product reads them in the order it needs.

It is the layout that torch.compile's CPU backend uses too; torch itself passes plain rows. One thread, torch 2.13,
SmolLM2's matrices one after the other:

bfloat16  A processor with bfloat16 dot products (AVX-512 BF16, AMX) takes a weight in blocks and goes through plain
          rows at half the speed: 8 GB/s for one token's products, 11 to 14 in blocks; prompts gain 5 to 30 %. The
          numbers are the same, bit for bit: only the order in memory is another.
float32   Products of a few rows, the steps of several sessions, take 9.2 ms for 8 rows and 8 layers where MKL takes
          14.5; those of one row 9.2 to 9.8. Sums are in another order than MKL's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import nn

_MOST_PADDING = 1.125  # blocks are padded: small matrices would grow several times
_PIECE_BYTES = 1 << 23
_ROWS = 64  # of a block
# Which blocks oneDNN chooses depends on how many rows it is told to expect. In float32 those for one row take half as
# long again for 8 rows, and those for 8 rows about as long for one; in bfloat16 the others are no better.
_EXPECTED = {torch.bfloat16: 1, torch.float32: 8}


class PrepackedLinear(nn.Module):
    """What `module`, an nn.Linear, computes, from pieces of its weight, some rows each, in blocks."""

    def __init__(self, module: nn.Linear, pieces: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.in_features, self.out_features = module.in_features, module.out_features
        self.bias = module.bias
        self._pieces = tuple(pieces)
        ends = [len(piece) for piece in pieces]
        self._biases = torch.split(self.bias, ends) if self.bias is not None else (None,) * len(ends)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., K) to (..., N)."""
        rows = inputs.reshape(-1, self.in_features)
        outputs = [_product(rows, piece, bias) for piece, bias in zip(self._pieces, self._biases, strict=True)]
        output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return output.view(*inputs.shape[:-1], self.out_features)

    @property
    def weight(self) -> torch.Tensor:
        """The plain matrix (N, K), made anew: for model code that uses it itself."""
        return torch.cat([piece.to_dense() for piece in self._pieces])

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        destination[prefix + "weight"] = self.weight
        if self.bias is not None:
            destination[prefix + "bias"] = self.bias if keep_vars else self.bias.detach()


def is_faster_here(dtype: torch.dtype) -> bool:
    """Whether it is on this processor: in bfloat16 where it multiplies that itself, in float32 with AVX-512.

    Other processors and numbers were not measured.
    """
    found = torch.cpu.get_capabilities()
    needed = {torch.bfloat16: ("avx512_bf16", "amx_bf16"), torch.float32: ("avx512_f",)}
    return any(found.get(name) for name in needed.get(dtype, ()))


def prepack(model: nn.Module, used: set[str], release: Callable[[torch.Tensor], None]) -> None:
    """Put blocks in the place of the linear modules' weights among those named in `used`; others are left alone.

    So is a weight that something else uses too. release: gives back the memory of a part of a weight that is no longer
    used, so that no more than some rows are ever there twice.
    """
    every = model.state_dict(keep_vars=True)
    users = Counter(id(every[name]) for name in used)
    for path, module in list(model.named_modules()):
        # Subclasses may compute something else.
        if type(module) is not nn.Linear or f"{path}.weight" not in used or users[id(module.weight)] > 1:
            continue
        weight = module.weight.detach()
        if is_faster_here(weight.dtype) and weight.is_contiguous() and not _is_padded(weight):
            model.set_submodule(path, PrepackedLinear(module, list(_pieces(weight, release))))


def _product(rows: torch.Tensor, piece: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    output: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, piece, bias, "none", [], "")
    return output


def _is_padded(weight: torch.Tensor) -> bool:
    """Whether it would take much more memory in blocks."""
    some = weight[:_ROWS]
    return bool(torch.ops.mkldnn._nbytes(_blocks(some)) > _MOST_PADDING * some.nbytes)


def _pieces(weight: torch.Tensor, release: Callable[[torch.Tensor], None]) -> Iterator[torch.Tensor]:
    rows = max(1, _PIECE_BYTES // (weight.shape[1] * weight.itemsize * _ROWS)) * _ROWS
    for part in torch.split(weight, rows):
        yield _blocks(part)
        release(part)


def _blocks(weight: torch.Tensor) -> torch.Tensor:
    blocks: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, _EXPECTED[weight.dtype])
    return blocks
