"""Calling layers directly: only where it is the same, over many blocks, and never where it is not."""

import gc
import weakref

import pytest
import torch
from transformers import PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.direct import BLOCK
from strata.inference.decoder.slices import slices
from strata.inference.decoder.specimen import Specimen, generate_whole
from strata.inference.decoder.traits import traits_of

TOKENS = 2 * BLOCK + 10


def counted(model: PreTrainedModel) -> list[int]:
    """A list that grows by one with each forward of the whole model."""
    calls: list[int] = []
    model.register_forward_pre_hook(lambda *_: calls.append(1))
    return calls


def generate(specimen: Specimen, padding: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """Token ids, logits and the number of whole forwards of each of three stages, over more than two blocks."""
    stages = specimen.stages(traits_of(specimen.config), 3)
    forwards = [counted(stage.model) for stage in stages]
    value = prompt = specimen.prompt[: len(padding)]
    sessions = [stage.new_session(len(padding), padding, prompt.shape[1] + TOKENS) for stage in stages]
    ids, logits = [], []
    for _ in range(TOKENS):
        for session in sessions:
            value = session.forward(value)
        logits.append(value)
        value = value.argmax(-1, keepdim=True)
        ids.append(value)
    return torch.cat(ids, 1), torch.stack(logits, 1), [len(each) for each in forwards]


@pytest.mark.parametrize(
    ("model_type", "padding", "direct"),
    [
        ("llama", (0,), (True, True, True)),
        ("llama", (0, 0), (True, True, True)),
        ("llama", (0, 3), (False, False, False)),  # a mask is needed
        ("gpt2", (0,), (False, True, True)),  # positions are added to the embedding
        ("granite", (0,), (False, True, False)),  # embedding and logits are scaled
        ("gemma2", (0,), (False, False, False)),  # windows: the mask changes with the length
        ("mamba", (0,), (False, False, False)),  # no attention
        ("mixtral", (0,), (True, True, True)),
    ],
)
def test_direct_steps_are_taken_where_they_are_the_same(
    model_type: str, padding: tuple[int, ...], direct: tuple[bool, ...]
):
    specimen = Specimen.of(CONFIG_MAPPING[model_type]())
    expected_ids, expected = generate_whole(specimen.whole, specimen.prompt[: len(padding)], padding, TOKENS)
    ids, logits, forwards = generate(specimen, padding)
    assert torch.equal(ids, expected_ids)
    assert (logits - expected).abs().max() < 1e-4
    # One forward for the prompt, then two at the start of each block; otherwise at least one a token.
    assert tuple(count <= 1 + 2 * 3 for count in forwards) == direct
    assert all(count >= TOKENS for count, is_direct in zip(forwards, direct, strict=True) if not is_direct)


def test_rotary_tables_that_change_with_the_length():
    rope = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0, "original_max_position_embeddings": 40}
    config = CONFIG_MAPPING["llama"](rope_parameters=rope, max_position_embeddings=40)
    specimen = Specimen.of(config)
    expected_ids, expected = generate_whole(specimen.whole, specimen.prompt[:1], (0,), TOKENS)
    ids, logits, _ = generate(specimen, (0,))
    assert torch.equal(ids, expected_ids)
    assert (logits - expected).abs().max() < 1e-4


def test_slices_are_those_of_the_block():
    block = torch.arange(12.0).view(1, 4, 3)
    shared = torch.ones(2)
    single = {"table": (block[:, :1], shared), "mask": None, "use_cache": True}
    found = slices(single, {"table": (block, shared), "mask": torch.ones(4, 4), "use_cache": True}, 4)
    assert found is not None
    second = found.at(1)
    assert torch.equal(second["table"][0], block[:, 1:2])
    assert second["table"][1] is shared
    assert second["mask"] is None
    assert second["use_cache"] is True


@pytest.mark.parametrize(
    ("single", "block"),
    [
        (torch.ones(1, 1, 3), torch.zeros(1, 4, 3)),  # another value
        (torch.ones(1, 5), torch.ones(1, 8)),  # grows in another way
        (torch.ones(1, 1), torch.ones(4, 4)),  # in two ways
        (torch.ones(3), torch.zeros(3)),
        (torch.ones(1), None),
        (7, 10),
        ([1], [1, 2]),
    ],
)
def test_what_is_no_slice_is_refused(single: object, block: object):
    assert slices({"it": single}, {"it": block}, 4) is None
    assert slices({"it": single}, {"other": single}, 4) is None


def test_what_one_session_was_shown_serves_the_next_and_keeps_nothing_of_it():
    (stage,) = (specimen := Specimen.of(CONFIG_MAPPING["llama"]())).stages(traits_of(CONFIG_MAPPING["llama"]()), 1)
    forwards = counted(stage.model)

    def logits_of(prompt: torch.Tensor) -> tuple[torch.Tensor, weakref.ref]:
        session, logits = stage.new_session(len(prompt), [0] * len(prompt), 40), []
        for _ in range(8):
            logits.append(session.forward(prompt))
            prompt = logits[-1].argmax(-1, keepdim=True)
        return torch.stack(logits), weakref.ref(session.cache.cache)

    prompt = specimen.prompt[:1]
    _, cache = logits_of(prompt)
    assert len(forwards) == 1 + 2  # the prompt, and a step that is watched
    gc.collect()
    assert cache() is None
    logits, _ = logits_of(prompt[:, 1:] + 1)  # shorter by one, so its first step is not known
    assert len(forwards) == 3 + 3
    later, _ = logits_of(prompt[:, 1:] + 1)
    assert len(forwards) == 6 + 1
    assert torch.allclose(later, logits, atol=1e-5)
    logits_of(specimen.prompt)  # two rows, whose arguments are others
    assert len(forwards) == 7 + 3
