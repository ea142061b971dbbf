"""mergekit's task arithmetic (TIES, DARE, DELLA, breadcrumbs), a piece of each tensor at a time.

After sparsification every weight stands for itself: all that follows is done in pieces that stay in the cache, where
mergekit passes over the whole tensor some fifteen times. No bit changes; `same_bits` proves it before it is used.
"""

from collections.abc import Callable
from typing import Any

import torch
from mergekit.merge_methods.base import TensorGroup
from mergekit.merge_methods.generalized_task_arithmetic import GeneralizedTaskArithmeticMerge, get_mask
from mergekit.sparsify import RescaleNorm, sparsify
from torch import Tensor

# As many as torch leaves to one thread: no time goes into waking others for so little.
_PIECE = 32_768

MergeGroup = Callable[..., Tensor]


def in_pieces(original: MergeGroup) -> MergeGroup:
    """`GeneralizedTaskArithmeticMerge.merge_group`, the same to the last bit."""

    def merge_group(self: Any, group: Any, /, **parameters: Any) -> Tensor:
        tensors = [entry.tensor for entry in group.entries]
        plain = len(group.non_base) > 0 and all(tensor.is_contiguous() for tensor in tensors)
        if not plain or group.base.tensor.numel() <= _PIECE:
            return original(self, group, **parameters)
        base: Tensor = group.base.tensor
        entries = group.non_base
        sparse = self.sparsification_method is not None
        # Where nothing is sparsified the differences are taken piece by piece too.
        sources = [
            _sparsified(self, entry, base, parameters).view(-1) if sparse else entry.tensor.view(-1)
            for entry in entries
        ]
        weights = torch.tensor([parameters["weight"][entry.id] for entry in entries], dtype=base.dtype).unsqueeze(-1)
        flat, merged = base.view(-1), torch.empty_like(base)
        for begin in range(0, len(flat), _PIECE):
            piece = slice(begin, begin + _PIECE)
            deltas = torch.stack([source[piece] if sparse else source[piece] - flat[piece] for source in sources])
            merged.view(-1)[piece] = flat[piece] + _mixed(self.consensus_method, deltas, weights, parameters)
        return merged

    return merge_group


def _sparsified(method: Any, entry: Any, base: Tensor, parameters: dict[str, Any]) -> Tensor:
    more = {name: parameters[name][entry.id] for name in ("gamma", "epsilon") if name in parameters}
    sparse: Tensor = sparsify(
        entry.tensor - base,
        density=parameters["density"][entry.id],
        method=method.sparsification_method,
        rescale_norm=RescaleNorm.l1 if parameters["rescale"] else None,
        **more,
    )
    return sparse.contiguous()


def _mixed(consensus: Any, deltas: Tensor, weights: Tensor, parameters: dict[str, Any]) -> Tensor:
    """The merged difference. deltas: [models, weights of the piece]; weights: [models, 1]."""
    deltas.mul_(weights)
    if consensus:
        mask = _mask(consensus, deltas, int8=parameters["int8_mask"])
        mixed = _sum(deltas * mask)
        if parameters["normalize"]:
            divisor = _sum(weights * mask)
            mixed /= divisor.add_(torch.eq(divisor, 0, out=torch.empty_like(divisor)))
    else:
        mixed = _sum(deltas)
        if parameters["normalize"]:
            divisor = weights.sum(dim=0)
            divisor.masked_fill_(divisor.abs() < 1e-8, 1)
            mixed /= divisor
    if parameters["lambda"] != 1:
        mixed *= parameters["lambda"]
    return mixed


def _mask(consensus: Any, deltas: Tensor, *, int8: bool) -> Tensor:
    """mergekit's `get_mask`, as ones and zeros of the dtype of `deltas`: torch is slow where half floats meet bools."""
    if consensus != "sum" or int8:
        kind = torch.int8 if int8 else deltas.dtype
        original: Tensor = get_mask(deltas, method=consensus, mask_dtype=kind)
        return original.to(deltas.dtype)
    total = _sum(deltas)
    majority = torch.ge(total, 0, out=torch.empty_like(total)).mul_(2).sub_(1)
    return torch.eq(deltas.sign(), majority, out=torch.empty_like(deltas))


def _sum(rows: Tensor) -> Tensor:
    """`rows.sum(dim=0)`; torch adds half floats in float32 anyway, but it is quicker when told."""
    return rows.sum(dim=0) if rows.itemsize > 2 else rows.sum(dim=0, dtype=torch.float32).to(rows.dtype)


def same_bits(quick: MergeGroup, original: MergeGroup) -> bool:
    """Whether both give the same bits on samples of all kinds."""
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        base = (torch.randn(3, 20_001, generator=generator) * 2).round().to(dtype)
        for models in (1, 2, 5):
            others = [
                base + (torch.randn(base.shape, generator=generator) * 2).round().to(dtype) for _ in range(models)
            ]
            group = TensorGroup.from_tensors([base, *others], base_index=0)
            weight = {1 + i: 0.3 * (-1) ** i + 0.1 * i for i in range(models)}
            for consensus in (None, "sum"):
                method = GeneralizedTaskArithmeticMerge(consensus, None, False, False, "", None, None)
                for normalize in (False, True):
                    settings = {"weight": weight, "int8_mask": normalize, "normalize": normalize, "lambda": 0.7}
                    one, other = quick(method, group, **settings), original(method, group, **settings)
                    if not torch.equal(_bits(one), _bits(other)):
                        return False
    return True


def _bits(tensor: Tensor) -> Tensor:
    return tensor.contiguous().view(torch.uint8)
