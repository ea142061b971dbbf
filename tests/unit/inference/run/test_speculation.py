"""Drafts change how many steps a text takes, and nothing else: not its tokens, its end, its logits or its stream."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.protocol.messages import MAX_DRAFTS
from strata.inference.run import generate
from strata.inference.run.drafting import PromptLookup
from strata.inference.run.generate import GenerationParams, GenerationResult
from strata.inference.run.local import generate_locally
from tests.support.nodes import mesh_of, split, tiny_llama

PROMPT = [1, 2, 3, 4]
NEW = 24
GREEDY, DRAWN = SamplingParams(), SamplingParams(temperature=1.2, top_k=50, top_p=0.95, seed=7)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama") / "model"
    tiny_llama(folder)
    return folder


class Knowing(PromptLookup):
    """Drafts that are the text that will come, but for an error here and there, so that every length is accepted."""

    def __init__(self, most: int, whole: Sequence[int], seed: int = 0) -> None:
        super().__init__(most)
        self._whole = list(whole)
        self._random = random.Random(seed)

    def draft(self, text: Sequence[int], room: int) -> tuple[int, ...]:
        length = min(room, self._most, self._random.randint(0, 9))
        drafts = self._whole[len(text) : len(text) + length]
        return tuple((token + (self._random.random() < 0.2)) % 256 for token in drafts)


def knowing(monkeypatch: pytest.MonkeyPatch, result: GenerationResult, prompt: Sequence[int], seed: int = 0) -> None:
    """Have generations guess what `result` says."""
    whole = [*prompt, *result.token_ids[0]]
    monkeypatch.setattr(generate, "PromptLookup", lambda most: Knowing(most, whole, seed))


@pytest.mark.anyio
@pytest.mark.parametrize("sampling", [GREEDY, DRAWN])
async def test_the_tokens_over_nodes_are_those_without_drafts(
    tmp_path: Path, llama: Path, sampling: SamplingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint.open(llama)
    plain = GenerationParams(max_new_tokens=NEW, sampling=sampling, want_logits=True)
    expected = generate_locally(llama, [PROMPT], plain)
    knowing(monkeypatch, expected, PROMPT)
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        plan = split(llama, ["a", "b", "c"], [1, 3])
        await coordinator.distribute(checkpoint, plan)
        seen = []
        for most in (1, 4, MAX_DRAFTS):
            params = GenerationParams(max_new_tokens=NEW, sampling=sampling, want_logits=True, speculate=most)
            result = await coordinator.generate(checkpoint, plan, [PROMPT], params)
            assert result.token_ids == expected.token_ids
            assert torch.allclose(torch.cat(result.logits), torch.cat(expected.logits), atol=1e-4)
            seen.append((result.drafted, result.accepted))
        drafted, accepted = map(sum, zip(*seen, strict=True))
        assert 0 < accepted < drafted
