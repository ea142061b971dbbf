"""The quicker computations against mergekit's and torch's own, bit by bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mergekit import sparsify
from mergekit.merge_methods import GeneralizedTaskArithmeticMerge
from mergekit.merge_methods.base import TensorGroup

from strata.evolution.merge import arithmetic, kernels
from strata.evolution.merge.selection import largest

RESCALE = sparsify.rescaled_masked_tensor
DTYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64]


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


@settings(max_examples=200, deadline=None)
@given(
    size=st.integers(1, 3000),
    levels=st.integers(1, 40_000),
    order=st.sampled_from(["random", "rising", "falling", "organ pipe"]),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_selection_is_the_head_of_the_full_sort(size: int, levels: int, order: str, share: float, seed: int):
    keys = np.random.default_rng(seed).integers(0, levels, size).astype(np.int32)
    if order != "random":
        keys = np.sort(keys)
        keys = {"rising": keys, "falling": keys[::-1], "organ pipe": np.concatenate([keys[::2], keys[1::2][::-1]])}[
            order
        ]
    k = max(1, round(share * size))
    assert same_head(keys, k) in ((True,) if order == "random" else (True, None))


def same_head(keys: np.ndarray, k: int) -> bool | None:
    """Whether the selection is the first k of torch's sort; None: there is none."""
    found, expected = largest(keys, k), np.zeros(len(keys), bool)
    expected[torch.argsort(torch.from_numpy(keys.astype(np.float32)), descending=True)[:k].numpy()] = True
    return None if found is None else np.array_equal(found, expected)


def killer(size: int) -> np.ndarray:
    """Keys on which median-of-three takes quadratic time (D. R. Musser 1997), so that introsort turns to its heap."""
    half = size // 2
    keys = np.empty(size, np.int32)
    keys[:half:2] = np.arange(1, half + 1, 2)
    keys[1:half:2] = np.arange(half + 1, size, 2)[: len(keys[1:half:2])]
    keys[half:] = np.arange(2, size + 1, 2)[: size - half]
    return keys


def test_where_introsort_turns_to_a_heap_there_is_no_selection():
    assert largest(-killer(1 << 14), 8000) is None
    outcomes = [
        same_head(keys // ties, k)
        for size in range(18, 400, 2)
        for ties in (1, 2, 3)
        for keys in (killer(size), -killer(size))
        for k in (size // 3, 2 * size // 3)
    ]
    assert True in outcomes
    assert None in outcomes
    assert False not in outcomes


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    rows=st.integers(1, 3),
    spread=st.sampled_from([1e-30, 2e-3, 1.0]),
    density=st.sampled_from([-0.5, 0.0, 1e-9, 0.1, 0.5, 0.999, 1.0, 2.0]),
    norm=st.sampled_from([None, *sparsify.RescaleNorm]),
    odd=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_magnitudes_and_draws(dtype, rows: int, spread: float, density: float, norm, odd: bool, seed: int):
    tensor = torch.randn(rows, 20_011, generator=torch.Generator().manual_seed(seed)) * spread
    if odd:
        tensor[0, ::5], tensor[0, 1::7], tensor[0, 2::9] = float("nan"), -0.0, float("inf")
    tensor = tensor.to(dtype)
    for name in ("magnitude", "bernoulli"):
        original = getattr(sparsify, name)
        quick = getattr(kernels, name)(original, RESCALE)
        outcomes = []
        for function in (original, quick):
            torch.manual_seed(seed)
            try:
                outcomes.append((bits(function(tensor, density, norm)), bits(torch.rand(3))))
            except RuntimeError as error:
                outcomes.append(str(error))
        assert outcomes[0] == outcomes[1], name


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(DTYPES),
    shape=st.sampled_from([(32_769,), (3, 20_011), (7, 5, 1000), (10,)]),
    weights=st.lists(st.floats(-2, 2), min_size=1, max_size=6),
    consensus=st.sampled_from([None, "sum", "count"]),
    how=st.sampled_from([None, "magnitude", "random", "magnitude_outliers"]),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    factor=st.sampled_from([1.0, 0.3]),
    turned=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_task_arithmetic_in_pieces(dtype, shape, weights, consensus, how, flags, factor, turned: bool, seed: int):
    generator = torch.Generator().manual_seed(seed)
    tensors = [(torch.randn(shape, generator=generator) * 3).round().to(dtype) for _ in range(len(weights) + 1)]
    if turned and len(shape) == 2:
        tensors = [tensor.T for tensor in tensors]
    group = TensorGroup.from_tensors(tensors, base_index=0)
    inputs = range(1, len(tensors))
    method = GeneralizedTaskArithmeticMerge(consensus, how, False, False, "", None, None)
    settings = dict(zip(("normalize", "rescale", "int8_mask"), flags, strict=True)) | {"lambda": factor}
    settings |= {"weight": dict(zip(inputs, weights, strict=True)), "density": dict.fromkeys(inputs, 0.4)}
    if how == "magnitude_outliers":
        settings["gamma"] = dict.fromkeys(inputs, 0.05)
    outcomes = []
    for function in (
        GeneralizedTaskArithmeticMerge.merge_group,
        arithmetic.in_pieces(GeneralizedTaskArithmeticMerge.merge_group),
    ):
        torch.manual_seed(seed)
        outcomes.append(bits(function(method, group, **settings)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("name", ["magnitude", "bernoulli"])
def test_what_is_not_exact_is_not_used(name: str):
    original = getattr(sparsify, name)
    assert kernels.same_bits(getattr(kernels, name)(original, RESCALE), original)

    def other_ties(tensor: torch.Tensor, density: float, norm=None) -> torch.Tensor:
        return original(tensor.flip(0), density, norm).flip(0)

    assert not kernels.same_bits(other_ties, original)


def test_arithmetic_that_is_not_exact_is_not_used():
    original = GeneralizedTaskArithmeticMerge.merge_group
    assert arithmetic.same_bits(arithmetic.in_pieces(original), original)
    assert not arithmetic.same_bits(lambda *a, **k: original(*a, **k) * (1 + 2**-7), original)
