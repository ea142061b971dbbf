"""Several tokens at once, of which some are taken back: the logits and the draws are those of one after the other."""

import random
from collections.abc import Callable, Sequence

import pytest
import torch
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.drafts import can_speculate
from strata.inference.decoder.sampling import Sampler, SamplingParams
from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.stage_model import StageModel
from strata.inference.decoder.traits import traits_of

TOKENS = 16
SAMPLINGS = [SamplingParams(), SamplingParams(temperature=1.0, top_k=3, seed=5)]
Draft = Callable[[list[int]], Sequence[int]]


def config_of(model_type: str) -> PreTrainedConfig:
    return CONFIG_MAPPING[model_type](**({"n_layer": 6} if model_type == "bloom" else {}))


def stages_of(model_type: str, count: int = 2) -> list[StageModel]:
    specimen = Specimen.of(config_of(model_type))
    return specimen.stages(traits_of(specimen.config), count)


def decode(
    stages: Sequence[StageModel], prompt: Sequence[int], sampling: SamplingParams, draft: Draft = lambda _: ()
) -> tuple[list[int], torch.Tensor]:
    """New tokens, and the logits that each was chosen from (TOKENS, V)."""
    sessions = [stage.new_session(1, [0], len(prompt) + TOKENS) for stage in stages]
    sampler, text, logits = Sampler(sampling, 1), list(prompt), []
    fed = text
    while len(text) < len(prompt) + TOKENS:
        drafts = list(draft(text))[: len(prompt) + TOKENS - len(text) - 1] if len(text) > len(prompt) else []
        value = torch.tensor([fed + drafts])
        for session in sessions:
            session.rewind(len(text) - len(fed))
            value = session.forward(value, "logits" if drafts else "last_logits")
        found = value[0] if drafts else value
        tokens = sampler.verify(found, drafts)
        logits.append(found[: len(tokens)])
        text += tokens
        fed = text[-1:]
    return text[len(prompt) :], torch.cat(logits)


def guessing(prompt: Sequence[int], tokens: Sequence[int], most: int, seed: int) -> Draft:
    """Drafts of up to `most` tokens of what will come, each wrong now and then."""
    whole, generator = [*prompt, *tokens], random.Random(seed)

    def draft(text: list[int]) -> list[int]:
        drafts = whole[len(text) : len(text) + generator.randint(0, most)]
        return [(token + 1) % 100 if generator.random() < 0.25 else token for token in drafts]

    return draft


# Rotary positions; absolute ones; alibi; experts; keys put together after the cache.
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "bloom", "mixtral", "deepseek_v3"])
def test_drafts_change_no_token(model_type: str):
    assert can_speculate(config_of(model_type).to_json_string(use_diff=False).encode())
    stages = stages_of(model_type)
    prompt = [5, 6, 7, 5, 6]
    for sampling in SAMPLINGS:
        tokens, logits = decode(stages, prompt, sampling)
        for most in (1, 7):
            drafted, close = decode(stages, prompt, sampling, guessing(prompt, tokens, most, seed=most))
            assert drafted == tokens
            assert (close - logits).abs().max() < 1e-4


@pytest.mark.parametrize("model_type", ["gemma2", "mamba", "jamba"])
def test_what_cannot_be_taken_back_is_known_beforehand_and_refused(model_type: str):
    assert not can_speculate(config_of(model_type).to_json_string(use_diff=False).encode())
    (stage,) = stages_of(model_type, 1)
    session = stage.new_session(1, [0], 16)
    session.forward(torch.tensor([[3, 4, 5]]))
    with pytest.raises(ValueError, match="cannot go back to 2 of 3"):
        session.rewind(2)


def test_a_model_whose_tokens_see_those_after_them_takes_no_drafts():
    assert not can_speculate(config_of("bert").to_json_string(use_diff=False).encode())
    causal = CONFIG_MAPPING["bert"](is_decoder=True)
    assert can_speculate(causal.to_json_string(use_diff=False).encode())


def test_a_model_that_fails_when_it_is_tried_takes_no_drafts():
    config = CONFIG_MAPPING["deepseek_v2"]()  # it names no number of experts
    assert not can_speculate(config.to_json_string(use_diff=False).encode())
