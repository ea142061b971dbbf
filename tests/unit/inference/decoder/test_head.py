"""The head's product after a prompt, in half precision."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.prepacked import PrepackedLinear
from strata.inference.decoder.stage import Stage

HIDDEN, VOCABULARY = 64, 4096


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_prompt_does_not_copy_the_head(batch: int, dtype: torch.dtype):
    config = CONFIG_MAPPING["llama"](
        hidden_size=HIDDEN, intermediate_size=96, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=VOCABULARY, max_position_embeddings=32, eos_token_id=None, bos_token_id=None, pad_token_id=None,
    )  # fmt: skip
    stage = Stage.build(config.to_json_string(use_diff=False).encode(), 0, 0, dtype)
    weights: dict[str, Any] = {name: torch.randn(w.shape).to(dtype) for name, w in stage.model.state_dict().items()}
    stage.load(weights.__getitem__, weights)
    head = stage.model.get_output_embeddings()
    assert isinstance(head, nn.Linear | PrepackedLinear)
    seen: list[torch.Tensor] = []
    head.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    prompt = torch.randint(VOCABULARY, (batch, 7), generator=torch.Generator().manual_seed(0))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        logits = stage.new_session(batch, [0] * batch, 16).forward(prompt)
    largest = max(event.cpu_memory_usage for event in profiled.events())
    assert largest < head.weight.nbytes // 2, "the weight was copied"
    whole = torch.nn.functional.linear(seen[0].double()[:, -1], head.weight.double())
    assert (logits.double() - whole).abs().max() < 0.02 * whole.abs().max()
