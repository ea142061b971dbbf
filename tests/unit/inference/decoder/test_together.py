"""Steps of several sessions as one: the same logits as alone, whoever comes, goes or fails, and only where shown."""

import random
from dataclasses import dataclass

import pytest
import torch
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.direct import BLOCK
from strata.inference.decoder.session import StageSession
from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.stage_model import StageModel
from strata.inference.decoder.together import forward_together
from strata.inference.decoder.traits import traits_of

TOKENS = 12


def stages_of(model_type: str, count: int = 3, weights: str | None = None) -> list[StageModel]:
    specimen = Specimen.of(CONFIG_MAPPING[model_type]())
    return specimen.stages(traits_of(specimen.config), count, weights)


def prompt_of(seed: int, tokens: int, rows: int = 1) -> torch.Tensor:
    return torch.randint(2, 100, (rows, tokens), generator=torch.Generator().manual_seed(seed))


@dataclass
class Stream:
    """One generation over all stages: what it is fed next, and its logits so far."""

    sessions: list[StageSession]
    value: torch.Tensor
    logits: list[torch.Tensor]

    @classmethod
    def start(cls, stages: list[StageModel], prompt: torch.Tensor, tokens: int = TOKENS) -> "Stream":
        rows, room = prompt.shape[0], prompt.shape[1] + tokens
        return cls([stage.new_session(rows, [0] * rows, room) for stage in stages], prompt, [])

    def accept(self, logits: torch.Tensor) -> None:
        self.logits.append(logits)
        self.value = logits.argmax(-1, keepdim=True)


def step(streams: list[Stream]) -> None:
    """One token of all of them, together where that is possible."""
    values = [stream.value for stream in streams]
    for sessions in zip(*(stream.sessions for stream in streams), strict=True):
        values = [result.unwrap() for result in forward_together(sessions, values)]
    for stream, logits in zip(streams, values, strict=True):
        stream.accept(logits)


def alone(stages: list[StageModel], prompt: torch.Tensor, tokens: int = TOKENS) -> torch.Tensor:
    stream = Stream.start(stages, prompt, tokens)
    for _ in range(tokens):
        value = stream.value
        for session in stream.sessions:
            value = session.forward(value)
        stream.accept(value)
    return torch.stack(stream.logits)


def assert_same(logits: torch.Tensor, expected: torch.Tensor) -> None:
    assert torch.equal(logits.argmax(-1), expected.argmax(-1))
    assert (logits - expected).abs().max() < 1e-4


def counted(stage: StageModel) -> list[int]:
    """The rows of each call of the stage's last layer's feed-forward, or whatever linear module comes last."""
    rows: list[int] = []
    layers = stage.model.get_submodule(stage.traits.layers)
    linear = [module for module in layers[stage.last].modules() if isinstance(module, torch.nn.Linear)]
    linear[-1].register_forward_pre_hook(lambda _, args: rows.append(args[0].reshape(-1, args[0].shape[-1]).shape[0]))
    return rows


@pytest.mark.parametrize(
    ("model_type", "together"),
    [
        ("llama", (True, True, True)),
        ("qwen3_moe", (True, True, True)),
        ("gpt_neox", (True, True, True)),
        ("cohere", (True, True, None)),  # None: no direct steps, see test_direct
        ("gpt2", (None, True, True)),
        ("deepseek_v3", (False, False, False)),  # its layers put keys together after the cache
        ("gemma2", (None, None, None)),
        ("mamba", (None, None, None)),
    ],
)
def test_sessions_of_unequal_lengths_give_what_each_gives_alone(model_type: str, together: tuple[bool | None, ...]):
    stages = stages_of(model_type)
    prompts = [prompt_of(1, 5), prompt_of(2, 9), prompt_of(3, 2, rows=2)]
    streams = [Stream.start(stages, prompt) for prompt in prompts]
    for _ in range(TOKENS):
        step(streams)
    for stream, prompt in zip(streams, prompts, strict=True):
        assert_same(torch.stack(stream.logits), alone(stages, prompt))
    for stage, shown in zip(stages, together, strict=True):
        assert set(stage.proved.values()) == (set() if shown is None else {shown})


@pytest.mark.parametrize(("seed", "weights"), [(0, None), (1, None), (2, "int8")])
def test_sessions_may_join_and_leave_at_any_step(seed: int, weights: str | None):
    generator = random.Random(seed)
    stages = stages_of("llama", 2, weights)
    expected: list[torch.Tensor] = []
    streams: list[Stream] = []
    running: list[int] = []
    while len(streams) < 8 or running:
        if len(streams) < 8 and generator.random() < 0.5:
            prompt = prompt_of(len(streams), generator.randint(1, 12))
            expected.append(alone(stages, prompt))
            running.append(len(streams))
            streams.append(Stream.start(stages, prompt))
        chosen = [index for index in running if generator.random() < 0.7]
        generator.shuffle(chosen)
        step([streams[index] for index in chosen])
        gone = {index for index in chosen if len(streams[index].logits) == TOKENS or generator.random() < 0.03}
        running = [index for index in running if index not in gone]
    for stream, logits in zip(streams, expected, strict=True):
        assert_same(torch.stack(stream.logits), logits[: len(stream.logits)])


def test_weights_are_read_once_for_all_sessions():
    (stage,) = stages_of("llama", 1)
    streams = [Stream.start([stage], prompt_of(seed, 3 + seed), 8) for seed in range(4)]
    for _ in range(3):
        step(streams)
    rows = counted(stage)
    step(streams)
    assert rows == [4]


def test_blocks_of_positions_end_for_one_session_while_others_go_on():
    (stage,) = stages_of("llama", 1)
    prompts, tokens = [prompt_of(1, 2), prompt_of(2, 7)], BLOCK + 10
    streams = [Stream.start([stage], prompt, tokens) for prompt in prompts]
    step(streams[:1])
    for _ in range(tokens - 1):
        step(streams)
    step(streams[1:])
    for stream, prompt in zip(streams, prompts, strict=True):
        assert_same(torch.stack(stream.logits), alone([stage], prompt, tokens))


def test_an_error_costs_its_session_only():
    stages = stages_of("llama", 2)
    prompts = [prompt_of(seed, 4 + seed) for seed in range(3)]
    streams = [Stream.start(stages, prompt) for prompt in prompts]
    for _ in range(4):
        step(streams)
    first = [stream.sessions[0] for stream in streams]
    values = [streams[0].value, torch.tensor([[999_999]]), streams[2].value]
    results = forward_together(first, values)
    with pytest.raises(IndexError):
        results[1].unwrap()
    survivors = [streams[0], streams[2]]
    hidden = [results[0].unwrap(), results[2].unwrap()]
    for stream, result in zip(
        survivors, forward_together([stream.sessions[1] for stream in survivors], hidden), strict=True
    ):
        stream.accept(result.unwrap())
    while len(streams[0].logits) < TOKENS:
        step(survivors)
    for stream, prompt in ((streams[0], prompts[0]), (streams[2], prompts[2])):
        assert_same(torch.stack(stream.logits), alone(stages, prompt))


def test_what_gives_other_numbers_together_is_computed_alone():
    """A layer whose output depends on the other rows passes for a chain of calls, and is found out by its numbers."""
    (stage,) = stages_of("llama", 1)
    prompts = [prompt_of(1, 4), prompt_of(2, 6)]
    layer = stage.model.get_submodule(stage.traits.layers)[2]
    layer.mlp.register_forward_hook(lambda _, __, output: output + output.mean(0, keepdim=True))
    streams = [Stream.start([stage], prompt) for prompt in prompts]
    for _ in range(TOKENS):
        step(streams)
    assert set(stage.proved.values()) == {False}
    for stream, prompt in zip(streams, prompts, strict=True):
        assert_same(torch.stack(stream.logits), alone([stage], prompt))


def test_a_step_past_the_context_fails_by_itself():
    (stage,) = stages_of("llama", 1)
    streams = [Stream.start([stage], prompt_of(1, 4), tokens) for tokens in (3, 9)]
    for _ in range(4):
        step(streams)
    results = forward_together([stream.sessions[0] for stream in streams], [stream.value for stream in streams])
    with pytest.raises(ValueError, match="room is"):
        results[0].unwrap()
    results[1].unwrap()
