"""Keys and values in 8 bits: within half a step, whatever is appended or taken back, and about the same logits."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.cache import Preallocated
from strata.inference.decoder.cache8 import BLOCK, NotInEightBits, Preallocated8, Unpacked
from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.traits import traits_of
from strata.inference.plan.profile import KV_BLOCK

DTYPES = st.sampled_from([torch.float32, torch.bfloat16, torch.float16])


def states(batch: int, heads: int, tokens: int, size: int, seed: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(batch, heads, tokens, size, generator=torch.Generator().manual_seed(seed)).to(dtype)


def steps(exact: torch.Tensor) -> torch.Tensor:
    """The distance of two neighbouring 8-bit values at each place of (B, heads, T, size) states."""
    flat = exact.double().transpose(1, 2).flatten(2)
    padded = torch.nn.functional.pad(flat, (0, -flat.shape[2] % BLOCK)).unflatten(2, (-1, BLOCK))
    wide = (padded.abs().amax(-1, keepdim=True) / 127).expand_as(padded).flatten(2)[..., : flat.shape[2]]
    return wide.unflatten(2, (exact.shape[1], exact.shape[3])).transpose(1, 2)


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 40), st.integers(0, 999)),
    DTYPES,
)
@settings(deadline=None, max_examples=60)
def test_what_was_appended_comes_back_within_half_a_step(
    counts: list[int], shape: tuple[int, int, int, int], dtype: torch.dtype
):
    batch, heads, size, seed = shape
    ours, theirs = Preallocated8(sum(counts), Unpacked()), Preallocated(sum(counts))
    for number, count in enumerate(counts):
        given_keys, given_values = (states(batch, heads, count, size, seed + 2 * number + i, dtype) for i in (0, 1))
        found, exact = ours.update(given_keys, given_values), theirs.update(given_keys, given_values)
        for one, other in zip(found, exact, strict=True):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            # Half a step; and the scale, the product and the number itself are rounded to the dtype.
            room = steps(other) / 2 + 130 * steps(other) * 2 * torch.finfo(dtype).eps
            assert bool(((one.double() - other.double()).abs() <= room).all())
    assert ours.get_seq_length() == sum(counts)


def test_tokens_taken_back_are_written_over():
    layer, plain = Preallocated8(8, Unpacked()), Preallocated8(8, Unpacked())
    first, wrong, right = (states(1, 2, count, 16, seed, torch.float32) for count, seed in ((3, 0), (2, 1), (4, 2)))
    layer.update(first, first)
    layer.update(wrong, wrong)
    layer.rewind(3)
    plain.update(first, first)
    for one, other in zip(layer.update(right, right), plain.update(right, right), strict=True):
        assert torch.equal(one, other)


def test_zeros_stay_zeros():
    keys, values = Preallocated8(2, Unpacked()).update(torch.zeros(1, 1, 2, 8), torch.zeros(1, 1, 2, 8))
    assert not keys.any()
    assert not values.any()


def test_plans_count_the_same_blocks():
    assert KV_BLOCK == BLOCK


def test_it_takes_little_more_than_a_byte_a_number():
    layer, plain = Preallocated8(500, Unpacked()), Preallocated(500)
    given_states = states(1, 3, 400, 64, 0, torch.bfloat16)
    assert (layer.nbytes, plain.nbytes) == (0, 0)
    layer.update(given_states, given_states)
    plain.update(given_states, given_states)
    assert plain.nbytes == 2 * 400 * 192 * 2
    assert layer.nbytes == 2 * 400 * (192 + 192 // BLOCK * 2)


def test_a_model_that_reaches_for_the_keys_is_told():
    layer = Preallocated8(8, Unpacked())
    layer.update(torch.ones(1, 1, 1, 8), torch.ones(1, 1, 1, 8))
    for name in ("keys", "values"):
        with pytest.raises(NotInEightBits):
            getattr(layer, name)


@cache
def llama() -> Specimen:
    return Specimen.of(CONFIG_MAPPING["llama"]())


@pytest.mark.parametrize("count", [1, 2])
def test_stages_give_about_the_logits_of_a_plain_cache(count: int):
    specimen = llama()
    stages = specimen.stages(traits_of(specimen.whole.config), count)
    prompt = torch.arange(1, 13).view(1, -1) % 50

    def logits(cache: str | None) -> torch.Tensor:
        sessions = [stage.new_session(1, [0], 32, cache=cache) for stage in stages]
        value, found = prompt, []
        for token in range(6):
            for session in sessions:
                value = session.forward(value)
            found.append(value)
            value = torch.tensor([[token + 3]])
        assert sum(session.kv_bytes for session in sessions) > 0
        return torch.stack(found)

    plain, ours = logits(None), logits("int8")
    assert not torch.equal(ours, plain)
    assert float((ours - plain).abs().max()) < 0.02 * float(plain.abs().max())
