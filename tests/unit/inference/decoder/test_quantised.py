"""Matrices in int8: rounding within half a step, products of the dequantised matrix, and stages against a whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.pytorch_utils import Conv1D

from strata.inference.decoder.quantised import Int8Linear, Scratch, install, packed, quantise_rows
from strata.inference.decoder.specimen import PROMPT_TOKENS, Specimen, generate_staged
from strata.inference.decoder.split import Unsplittable
from strata.inference.decoder.stage import Stage, check_splittable
from strata.inference.decoder.traits import traits_of
from strata.inference.plan.profile import profile_model

SIZES = st.integers(1, 200)


def linear(rows: int, columns: int, seed: int, dtype: torch.dtype, *, bias: bool) -> tuple[nn.Linear, Int8Linear]:
    torch.manual_seed(seed)
    whole = nn.Linear(columns, rows, bias=bias).to(dtype)
    ours = Int8Linear(whole, Scratch())
    with torch.no_grad():
        ours.fill(whole.weight)
    return whole, ours


def dequantised(module: Int8Linear) -> torch.Tensor:
    return module.values.float() * module.scales.float()[:, None]


@given(SIZES, SIZES, st.integers(0, 99), st.sampled_from([1e-20, 1e-3, 1.0, 1e3]))
@settings(deadline=None)
def test_an_entry_is_off_by_half_a_step_at_most(rows: int, columns: int, seed: int, size: float):
    weight = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * size
    values, scales = quantise_rows(weight)
    assert torch.equal(scales, scales.bfloat16().float())
    error = (weight.double() - values.double() * scales.double()[:, None]).abs()
    assert bool((error <= scales.double()[:, None] / 2 * (1 + 1e-4)).all())


def test_a_row_of_zeros_stays_zero():
    values, scales = quantise_rows(torch.zeros(2, 3))
    assert not values.any()
    assert bool(scales.isfinite().all())


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float16, 2e-3), (torch.float64, 1e-5)],
)
@given(
    rows=SIZES,
    columns=SIZES | st.integers(1, 12).map(lambda n: 16 * n),
    tokens=st.integers(1, 20),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_the_product_is_that_of_the_dequantised_matrix(
    dtype: torch.dtype, tolerance: float, rows: int, columns: int, tokens: int, bias: bool, seed: int
):
    whole, ours = linear(rows, columns, seed, dtype, bias=bias)
    inputs = torch.randn(1, tokens, columns).to(dtype)
    expected = inputs.float() @ dequantised(ours).t()
    expected += whole.bias.float() if bias else 0
    with torch.no_grad():
        output = ours(inputs)
    assert output.dtype == dtype
    # Beside the largest of its terms, for a sum may cancel.
    scale = inputs.float().abs() @ dequantised(ours).abs().t() + 1
    assert bool(((output.float() - expected).abs() <= tolerance * scale).all())


def test_a_matrix_of_several_blocks_is_multiplied_whole():
    _, ours = linear(3000, 500, 0, torch.float32, bias=False)
    inputs = torch.randn(1, 500)
    assert torch.allclose(ours(inputs), inputs @ dequantised(ours).t(), atol=1e-4)


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_reading_row_by_row_gives_what_filling_gives(stored: torch.dtype):
    torch.manual_seed(0)
    weight = torch.randn(3000, 500).to(stored)
    filled, read = (Int8Linear(nn.Linear(500, 3000, bias=False), Scratch()) for _ in range(2))
    largest = 0

    class Source:
        def __call__(self, name: str) -> torch.Tensor:
            raise AssertionError("the whole tensor was asked for")

        def read_into(self, _: str, buffers: Iterator[memoryview], dtype: torch.dtype, shape: tuple[int, ...]) -> bool:
            nonlocal largest
            if (dtype, shape) != (weight.dtype, tuple(weight.shape)):
                return False
            data, start = weight.view(torch.uint8).numpy().tobytes(), 0
            for buffer in buffers:
                buffer[:] = data[start : start + len(buffer)]
                start += len(buffer)
                largest = max(largest, len(buffer))
            assert start == len(data)
            return True

    with torch.no_grad():
        filled.fill(weight)
        read.read("w", Source())
    assert torch.equal(read.values, filled.values)
    assert torch.equal(read.scales, filled.scales)
    assert largest <= 1 << 20  # no more than this of the matrix is in memory at a time


def test_a_conv1d_is_transposed():
    torch.manual_seed(0)
    whole = Conv1D(7, 5)
    ours = Int8Linear(whole, Scratch())
    with torch.no_grad():
        ours.fill(whole.weight)
        inputs = torch.randn(2, 3, 5)
        assert torch.allclose(ours(inputs), whole(inputs), atol=1e-2)


def test_a_subclass_is_left_alone_and_a_weight_cannot_be_taken_for_a_float():
    class Special(nn.Linear):
        pass

    model = nn.ModuleDict({"plain": nn.Linear(2, 2), "special": Special(2, 2)})
    made = packed(model, {"plain.weight", "special.weight"})
    install(model, made)
    assert made.keys() == {"plain.weight"}
    assert type(model["special"]) is Special
    with pytest.raises(AttributeError):
        _ = model["plain"].weight


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma3_text", "opt", "mixtral", "zaya"])
@pytest.mark.parametrize("tied", [True, False])
def test_stages_in_int8_give_what_one_stage_gives(kind: str, tied: bool):
    specimen = Specimen.of(CONFIG_MAPPING[kind](tie_word_embeddings=tied))
    traits = traits_of(specimen.config)
    outcomes = []
    for count in (1, 2, 3):
        stages = specimen.stages(traits, count, "int8")
        assert all(stage._int8 for stage in stages)
        outcomes.append(generate_staged(stages, specimen.prompt, specimen.padding, PROMPT_TOKENS))
    for ids, logits in outcomes[1:]:
        assert torch.equal(ids, outcomes[0][0])
        assert torch.equal(logits, outcomes[0][1])


@pytest.mark.parametrize("kind", ["llama", "gpt2", "gemma2", "mixtral", "bloom", "gemma4_text"])
def test_int8_is_the_whole_with_its_matrices_rounded(kind: str):
    check_splittable(CONFIG_MAPPING[kind]().to_json_string().encode(), "int8")


@pytest.mark.parametrize("kind", ["mamba", "jamba"])
def test_a_model_whose_code_uses_a_matrix_itself_is_refused(kind: str):
    config = CONFIG_MAPPING[kind]().to_json_string().encode()
    check_splittable(config)
    with pytest.raises(Unsplittable, match="uses the weight of a linear module itself"):
        check_splittable(config, "int8")


@pytest.mark.parametrize("kind", ["llama", "gemma3_text", "opt"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_profile_counts_what_stages_hold(kind: str, tied: bool, dtype: str, tmp_path: Path):
    specimen = Specimen.of(CONFIG_MAPPING[kind](tie_word_embeddings=tied))
    specimen.whole.save_pretrained(tmp_path)
    profile = profile_model(tmp_path, dtype, "int8")
    config = (tmp_path / "config.json").read_bytes()
    for first, last in [(0, 5), (0, 1), (2, 3), (4, 5)]:
        held = Stage.build(config, first, last, dtype, "int8").weight_bytes
        assert profile.stage_weight_bytes(first, last) == held
