"""Whether stages of an architecture give exactly what the whole gives, shown on a tiny model of it.

The tiny model has the very config in question with its sizes shrunk. It is watched, cut into three stages, and made to
generate, alone and in a padded batch, beside the whole. What cannot be reproduced is refused by name.
"""

import copy
import itertools
from collections.abc import Sequence

import torch
from transformers import PreTrainedConfig, PreTrainedModel

from strata.inference.split import Traits, Unsplittable, build_skeleton
from strata.inference.stage import Stage
from strata.inference.tiny import shrink, tiny_model
from strata.inference.watch import find_traits

TOLERANCE = 1e-4  # of logits of the order of 1, in float32
PROMPT_TOKENS = 7
PADDING = (0, 3)


def examine(config: PreTrainedConfig, tokens: int = 4) -> Traits:
    """How to cut models of this config; raises Unsplittable, with the reason, where stages differ from the whole."""
    name = config.model_type
    try:
        small = shrink(config)
        whole = tiny_model(small)
        prompt = torch.randint(2, 100, (len(PADDING), PROMPT_TOKENS), generator=torch.Generator().manual_seed(0))
        traits, _ = find_traits(tiny_model(small), lambda model: model(input_ids=prompt, use_cache=False))
        for rows in ([0], list(range(len(PADDING)))):
            padding = [PADDING[row] for row in rows]
            expected_ids, expected = generate_whole(whole, prompt[rows], padding, tokens)
            ids, logits = generate_staged(make_stages(whole, traits, 3), prompt[rows], padding, tokens)
            difference = (logits - expected).abs().max().item()
            if not torch.equal(ids, expected_ids) or not difference <= TOLERANCE:
                raise Unsplittable(name, f"stages differ from the whole by {difference:.2g} in the logits")
    except (Unsplittable, MemoryError):
        raise
    except Exception as error:  # whatever a model's code raises is the reason why it cannot be split
        raise Unsplittable(name, f"{type(error).__name__}: {error}") from error
    return traits


def make_stages(whole: PreTrainedModel, traits: Traits, count: int) -> list[Stage]:
    """A whole model's weights in `count` stages."""
    layers = len(list(whole.get_submodule(traits.layers).children()))
    edges = [layers * i // count for i in range(count + 1)]
    weights = whole.state_dict()
    stages = []
    for first, end in itertools.pairwise(edges):
        stage = Stage(build_skeleton(copy.deepcopy(whole.config), torch.float32), traits, first, end - 1)
        stage.load(weights.__getitem__, weights)
        stages.append(stage)
    return stages


def generate_whole(
    model: PreTrainedModel, prompt: torch.Tensor, padding: list[int], tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Greedy `generate`: new ids (B, tokens) and their logits (B, tokens, V). `padding` is on the left."""
    mask = (torch.arange(prompt.shape[1]) >= torch.tensor(padding)[:, None]).long()
    for name in ("eos_token_id", "forced_eos_token_id", "forced_bos_token_id", "suppress_tokens"):
        setattr(model.generation_config, name, None)
    out = model.generate(
        prompt,
        attention_mask=mask,
        max_new_tokens=tokens,
        do_sample=False,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return out.sequences[:, prompt.shape[1] :], torch.stack(out.logits, 1)


def generate_staged(
    stages: Sequence[Stage], prompt: torch.Tensor, padding: list[int], tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The same with a chain of stages."""
    sessions = [stage.new_session(len(padding), padding, prompt.shape[1] + tokens) for stage in stages]
    ids, logits = [], []
    value = prompt
    for _ in range(tokens):
        for session in sessions:
            value = session.forward(value)
        logits.append(value)
        value = value.argmax(-1, keepdim=True)
        ids.append(value)
    return torch.cat(ids, 1), torch.stack(logits, 1)
