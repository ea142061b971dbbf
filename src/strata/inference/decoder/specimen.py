"""A tiny model to try splits on: whole, in stages, and generating either way."""

import copy
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from strata.inference.decoder.embedding import word_embedding
from strata.inference.decoder.quantised import is_quantisable, quantise_rows
from strata.inference.decoder.split import Traits, build_skeleton
from strata.inference.decoder.stage_model import StageModel, used_weights
from strata.inference.decoder.tiny import shrink, tiny_model

PROMPT_TOKENS = 7
PADDING = (0, 3)


@dataclass(frozen=True)
class Specimen:
    """A whole tiny model, the config that it was made from, and a prompt (B, T) with left padding."""

    config: PreTrainedConfig
    whole: PreTrainedModel
    prompt: torch.Tensor
    padding: tuple[int, ...] = PADDING
    original: PreTrainedModel | None = None

    @classmethod
    def of(cls, config: PreTrainedConfig) -> "Specimen":
        """The specimen of a real model's config; the same each time."""
        small = shrink(config)
        prompt = torch.randint(2, 100, (len(PADDING), PROMPT_TOKENS), generator=torch.Generator().manual_seed(0))
        return cls(small, tiny_model(small), prompt)

    def stage(self, traits: Traits, first: int, last: int, weights: str | None = None) -> StageModel:
        """Layers `first` to `last` of the whole as a stage."""
        skeleton = build_skeleton(copy.deepcopy(self.config), torch.float32)
        stage = StageModel(skeleton, traits, first, last, weights)
        tensors = self.source.state_dict()
        stage.load(tensors.__getitem__, tensors)
        return stage

    @property
    def source(self) -> PreTrainedModel:
        """The model whose weights the stages are given."""
        return self.original if self.original is not None else self.whole

    def rounded(self, traits: Traits) -> "Specimen":
        """The same with the whole's matrices and word embedding rounded to what int8 holds, not those of the source."""
        whole = copy.deepcopy(self.whole)
        last = len(list(whole.get_submodule(traits.layers).children())) - 1
        used, embedding = used_weights(whole, traits, 0, last), word_embedding(whole)
        for path, module in whole.named_modules():
            if f"{path}.weight" in used and (is_quantisable(module) or module is embedding):
                assert isinstance(module, nn.Linear | Conv1D | nn.Embedding)
                rows = module.weight.detach().t() if isinstance(module, Conv1D) else module.weight.detach()
                values, scales = quantise_rows(rows)
                rows = values.float() * scales[:, None]
                # A parameter of its own: a table that a matrix is tied to may stay as it is.
                module.weight = nn.Parameter(rows.t() if isinstance(module, Conv1D) else rows, requires_grad=False)
        return replace(self, whole=whole, original=self.source)

    def ranges(self, traits: Traits, count: int) -> list[tuple[int, int]]:
        """(first, last) of `count` stages of like size; fewer where there are fewer layers."""
        layers = len(list(self.whole.get_submodule(traits.layers).children()))
        count = min(count, layers)
        edges = [layers * i // count for i in range(count + 1)]
        return [(first, end - 1) for first, end in itertools.pairwise(edges)]

    def stages(self, traits: Traits, count: int, weights: str | None = None) -> list[StageModel]:
        """The whole in `count` stages."""
        return [self.stage(traits, first, last, weights) for first, last in self.ranges(traits, count)]


def generate_whole(
    model: PreTrainedModel, prompt: torch.Tensor, padding: Sequence[int], tokens: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Greedy `generate`: new ids (B, tokens) and their logits (B, tokens, V). `padding` is on the left."""
    mask = (torch.arange(prompt.shape[1]) >= torch.tensor(padding)[:, None]).long()
    for name in ("eos_token_id", "forced_eos_token_id", "forced_bos_token_id", "suppress_tokens"):
        setattr(model.generation_config, name, None)
    out = model.generate(  # type: ignore[operator]
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
    stages: Sequence[StageModel], prompt: torch.Tensor, padding: Sequence[int], tokens: int
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
