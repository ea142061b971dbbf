"""Matrices in oneDNN's blocks: torch's own product, in bfloat16 to the bit, and plain weights given back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from strata.inference.decoder import prepacked
from strata.inference.decoder.prepacked import PrepackedLinear, prepack

pytestmark = pytest.mark.skipif(
    not all(map(prepacked.is_faster_here, (torch.bfloat16, torch.float32))),
    reason="this processor has no bfloat16 products or no AVX-512",
)


def linear(rows: int, columns: int, *, bias: bool = False, dtype: torch.dtype = torch.bfloat16) -> nn.Linear:
    torch.manual_seed(rows * columns)
    return nn.Linear(columns, rows, bias=bias).to(dtype).requires_grad_(requires_grad=False)


def packed(model: nn.Module) -> list[torch.Tensor]:
    released: list[torch.Tensor] = []
    prepack(model, set(model.state_dict()), released.append)
    return released


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 70), st.booleans())
@settings(deadline=None, max_examples=30)
def test_products_are_the_same_to_the_bit(rows: int, columns: int, tokens: int, bias: bool):
    model = nn.Sequential(linear(64 * rows, 32 * columns, bias=bias))
    inputs = torch.randn(2, tokens, 32 * columns, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.inference_mode():
        expected, last = model(inputs), model(inputs[:, -1:].contiguous())
        packed(model)
        assert isinstance(model[0], PrepackedLinear)
        assert torch.equal(model(inputs), expected)
        assert torch.equal(model(inputs[:, -1:]), last)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 70), st.booleans())
@settings(deadline=None, max_examples=30)
def test_products_in_float32_differ_by_the_order_of_sums_only(rows: int, columns: int, tokens: int, bias: bool):
    model = nn.Sequential(linear(64 * rows, 32 * columns, bias=bias, dtype=torch.float32))
    inputs = torch.randn(2, tokens, 32 * columns, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, largest = model(inputs), functional.linear(inputs.abs(), model[0].weight.abs())
        packed(model)
        assert isinstance(model[0], PrepackedLinear)
        error = (model(inputs) - expected).abs()
    assert (error <= torch.finfo(torch.float32).eps * columns * 32 * (largest + 1)).all()


@pytest.mark.parametrize("bias", [False, True])
def test_a_large_matrix_goes_over_piece_by_piece(bias: bool):
    model = nn.Sequential(linear(40000, 128, bias=bias))
    weight, inputs = model[0].weight, torch.randn(3, 128).bfloat16()
    expected = functional.linear(inputs, weight, model[0].bias)
    released = packed(model)
    assert len(released) == 2
    assert torch.equal(torch.cat(released), weight)
    assert max(part.nbytes for part in released) <= 8 << 20
    assert torch.equal(model(inputs), expected)
    assert torch.equal(model[0].weight, weight)
    assert torch.equal(model.state_dict()["0.weight"], weight)


def test_what_is_used_twice_or_not_at_all_or_would_grow_stays_as_it_is():
    model = nn.Sequential(linear(64, 64), linear(64, 64), linear(64, 64), linear(5, 3), linear(64, 64).double())
    model[1].weight = model[0].weight
    released: list[torch.Tensor] = []
    prepack(model, {"0.weight", "1.weight", "3.weight", "4.weight"}, released.append)
    assert {type(module) for module in model} == {nn.Linear}
    assert not released


def test_a_tied_weight_is_taken_where_only_one_of_its_names_is_used():
    model = nn.Sequential(nn.Embedding(64, 64, dtype=torch.bfloat16), linear(64, 64))
    model[1].weight = model[0].weight
    prepack(model, {"1.weight"}, lambda _: None)
    assert isinstance(model[1], PrepackedLinear)
