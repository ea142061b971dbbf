"""Grouped-query attention of one token: what transformers' function gives, up to the last bit of few numbers."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from strata.inference.decoder.attention import attend


def states(heads: int, kv_heads: int, tokens: int, seen: int, dtype: torch.dtype) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(heads + seen)
    shapes = [(2, heads, tokens, 64), (2, kv_heads, seen, 64), (2, kv_heads, seen, 64)]
    return [torch.randn(shape, generator=random).to(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize(("heads", "kv_heads"), [(9, 3), (4, 1), (4, 4)])
@pytest.mark.parametrize(("tokens", "seen"), [(1, 1), (1, 50), (1, 300), (5, 5)])
def test_it_gives_what_transformers_gives(heads: int, kv_heads: int, tokens: int, seen: int, dtype: torch.dtype):
    module: Any = SimpleNamespace(num_key_value_groups=heads // kv_heads, is_causal=True)
    inputs = states(heads, kv_heads, tokens, seen, dtype)
    ours, _ = attend(module, *inputs, None, scaling=0.2)
    theirs, _ = sdpa_attention_forward(module, *inputs, None, scaling=0.2)
    assert ours.shape == theirs.shape == (2, tokens, heads, 64)
    assert torch.allclose(ours.double(), theirs.double(), rtol=torch.finfo(dtype).eps, atol=1e-5)
    assert (ours != theirs).float().mean() <= 0.005


def test_a_mask_is_obeyed():
    module: Any = SimpleNamespace(num_key_value_groups=3, is_causal=True)
    query, keys, values = states(9, 3, 1, 6, torch.bfloat16)
    mask = torch.tensor([False, True, True, False, True, True]).expand(2, 1, 1, 6)
    masked, _ = attend(module, query, keys, values, mask)
    kept = mask[0, 0, 0]
    without, _ = attend(module, query, keys[:, :, kept], values[:, :, kept], None)
    assert torch.allclose(masked.float(), without.float(), atol=2e-2)
