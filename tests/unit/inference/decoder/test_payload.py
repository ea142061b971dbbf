"""Several tensors as one and back; nothing else is taken for it."""

import contextlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.decoder.payload import BadPayload, pack, unpack

DTYPES = st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
SHAPES = st.lists(st.integers(0, 4), max_size=3)


@given(st.integers(1, 3), st.integers(1, 4), st.lists(st.tuples(DTYPES, SHAPES), min_size=1, max_size=4))
def test_what_is_packed_comes_back(batch: int, tokens: int, specs: list[tuple[torch.dtype, list[int]]]):
    tensors = [torch.randint(0, 2, (batch, tokens, *sizes)).to(dtype) for dtype, sizes in specs]
    packed = pack(tensors)
    assert packed.shape[:2] == (batch, tokens)
    for before, after in zip(tensors, unpack(packed), strict=True):
        assert before.dtype == after.dtype
        assert torch.equal(before, after)


def test_tensors_of_other_positions_do_not_go_together():
    with pytest.raises(ValueError):
        pack([torch.zeros(1, 2, 3), torch.zeros(1, 3, 3)])


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_changed_header_is_refused_or_harmless(position: int, value: int):
    packed = pack([torch.zeros(1, 2, 3), torch.zeros(1, 2, 4, dtype=torch.int64)]).clone()
    position %= packed.shape[-1]
    packed[0, 0, position] ^= value
    with contextlib.suppress(BadPayload):
        unpack(packed)


@pytest.mark.parametrize(
    "bad", [torch.zeros(1, 2, 3), torch.zeros(1, 0, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.uint8)]
)
def test_other_tensors_are_refused(bad: torch.Tensor):
    with pytest.raises(BadPayload):
        unpack(bad)
