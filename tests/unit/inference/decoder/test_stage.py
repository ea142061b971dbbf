"""Stages of tiny models against `generate` of the whole, for the ways in which decoders differ."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.specimen import Specimen, generate_staged, generate_whole
from strata.inference.decoder.split import Unsplittable, parse_config
from strata.inference.decoder.stage import MissingWeights, Stage, check_splittable, tensors_for
from strata.inference.decoder.traits import traits_of

TOKENS = 10
# What each stands for: rotary positions; absolute positions; scaled embeddings; alternating windows with soft caps;
# windows by pattern; alibi; offset positions with a projection; merged experts; no attention; both kinds of layer;
# router states handed on; token ids needed in every stage.
ARCHITECTURES = (
    "llama",
    "gpt2",
    "gemma",
    "gemma2",
    "gemma3_text",
    "bloom",
    "opt",
    "mixtral",
    "mamba",
    "jamba",
    "zaya",
    "gemma4_text",
)


def config_of(model_type: str) -> Any:
    return CONFIG_MAPPING[model_type](**({"n_layer": 6} if model_type == "bloom" else {}))


@pytest.fixture(scope="module", params=ARCHITECTURES)
def specimen(request: pytest.FixtureRequest) -> Specimen:
    return Specimen.of(config_of(request.param))


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("padding", [(0,), (0, 3, 1, 5)])
def test_stages_generate_what_the_whole_generates(specimen: Specimen, count: int, padding: tuple[int, ...]):
    prompt = torch.randint(2, 100, (len(padding), 9), generator=torch.Generator().manual_seed(1))
    expected_ids, expected = generate_whole(specimen.whole, prompt, padding, TOKENS)
    stages = specimen.stages(traits_of(specimen.config), count)
    ids, logits = generate_staged(stages, prompt, padding, TOKENS)
    assert torch.equal(ids, expected_ids)
    assert (logits - expected).abs().max() < 1e-4


def saved(tmp_path: Path, specimen: Specimen) -> tuple[bytes, dict[str, torch.Tensor]]:
    specimen.whole.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return (tmp_path / "config.json").read_bytes(), tensors


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, dict[str, torch.Tensor], PreTrainedModel]:
    specimen = Specimen.of(CONFIG_MAPPING["llama"](tie_word_embeddings=True))
    return (*saved(tmp_path_factory.mktemp("llama"), specimen), specimen.whole)


def build(config: bytes, tensors: dict[str, torch.Tensor], *ranges: tuple[int, int]) -> list[Stage]:
    stages = [Stage.build(config, first, last) for first, last in ranges]
    for stage in stages:
        stage.load(tensors.__getitem__, tensors)
    return stages


def real_weights(stage: Stage) -> dict[str, torch.Tensor]:
    """Those that take memory: neither on the meta device nor one number repeated."""
    return {name: w for name, w in stage.model.state_dict().items() if not w.is_meta and 0 not in w.stride()}


def test_only_a_stages_own_weights_take_memory(llama):
    config, tensors, _ = llama
    stage = Stage.build(config, 2, 3)
    own = {name for name in tensors if ".layers.2." in name or ".layers.3." in name}
    assert set(stage.wanted(tensors)) == own
    assert stage.weight_bytes == sum(tensors[name].nbytes for name in own)
    real = {
        name
        for name, weight in stage.model.state_dict().items()
        if weight.device.type == "cpu" and 0 not in weight.stride()
    }
    assert real == own
    assert stage.model.get_submodule("model.layers.0.mlp.up_proj").weight.is_meta


def test_what_each_stage_must_be_sent(llama):
    config, tensors, _ = llama
    first, middle, last = tensors_for(config, tensors, [(0, 1), (2, 3), (4, 5)])
    assert set(first) & set(last) == {"model.embed_tokens.weight"}
    assert {name.split(".")[2] for name in middle} == {"2", "3"}
    assert {*first, *middle, *last} == set(tensors)


def test_a_middle_stage_is_sent_what_every_stage_needs(tmp_path: Path):
    config, tensors = saved(tmp_path, Specimen.of(config_of("gemma4_text")))
    (middle,) = tensors_for(config, tensors, [(2, 3)])
    assert "model.embed_tokens_per_layer.weight" in middle
    stage = Stage.build(config, 2, 3)
    stage.load(tensors.__getitem__, middle)


def test_a_tied_embedding_is_held_by_both_ends_and_once_by_a_single_stage(llama):
    config, tensors, _ = llama
    first, middle, last = (Stage.build(config, *each) for each in ((0, 1), (2, 3), (4, 5)))
    embedding = tensors["model.embed_tokens.weight"].nbytes
    alone = Stage.build(config, 0, 5).weight_bytes
    assert alone == sum(tensor.nbytes for tensor in tensors.values())
    assert first.weight_bytes + middle.weight_bytes + last.weight_bytes == alone + embedding
    assert "model.embed_tokens.weight" in last.wanted(tensors)


def test_tensors_are_read_straight_into_place_where_nothing_needs_converting(llama):
    config, tensors, _ = llama

    class Direct:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def __call__(self, name: str) -> torch.Tensor:
            self.asked.append(name)
            return tensors[name]

        def read_into(self, name: str, buffers: Iterable[memoryview], dtype: torch.dtype, shape: tuple[int, ...]):
            assert (dtype, shape) == (torch.float32, tuple(tensors[name].shape))
            if "norm" in name:
                return False
            data = memoryview(tensors[name].numpy()).cast("B")
            for buffer in buffers:
                buffer[:], data = data[: len(buffer)], data[len(buffer) :]
            assert not len(data)
            return True

    source = Direct()
    (expected,) = build(config, tensors, (0, 5))
    stage = Stage.build(config, 0, 5)
    stage.load(source, tensors)
    assert source.asked == [name for name in source.asked if "norm" in name]
    for name, weight in stage.model.state_dict().items():
        assert torch.equal(weight, expected.model.state_dict()[name])


def test_a_missing_tensor_is_named(llama):
    config, tensors, _ = llama
    name = "model.layers.2.mlp.up_proj.weight"
    with pytest.raises(MissingWeights, match=name):
        Stage.build(config, 2, 2).load(tensors.__getitem__, [other for other in tensors if other != name])


def test_experts_are_merged_as_transformers_does(tmp_path: Path):
    specimen = Specimen.of(config_of("mixtral"))
    config, tensors = saved(tmp_path, specimen)
    assert "model.layers.0.block_sparse_moe.experts.0.w1.weight" in tensors
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).state_dict()
    for stage in build(config, tensors, (0, 2), (3, 5)):
        mine = real_weights(stage)
        assert any("experts" in name for name in mine)
        for name, weight in mine.items():
            assert torch.equal(weight, loaded[name])


def test_weights_are_converted_to_the_dtype_asked_for(llama):
    config, tensors, _ = llama
    stage = Stage.build(config, 0, 1, torch.bfloat16)
    stage.load(tensors.__getitem__, tensors)
    hidden = stage.new_session(1, [0], 16).forward(torch.tensor([[5, 6, 7]]))
    assert hidden.dtype == torch.bfloat16
    assert hidden.shape == (1, 3, 64)


def test_sessions_of_a_stage_do_not_mix(llama):
    config, tensors, whole = llama
    stages = build(config, tensors, (0, 2), (3, 5))
    prompts = [torch.tensor([[3, 4, 5]]), torch.tensor([[9, 8, 7, 6]])]
    expected = [generate_whole(whole, prompt, [0], 5)[0] for prompt in prompts]
    sessions = [[stage.new_session(1, [0], 16) for stage in stages] for _ in prompts]
    values, ids = list(prompts), [[], []]
    for _ in range(5):
        for row in (0, 1):
            for session in sessions[row]:
                values[row] = session.forward(values[row])
            values[row] = values[row].argmax(-1, keepdim=True)
            ids[row].append(values[row])
    assert [torch.cat(row, 1).tolist() for row in ids] == [each.tolist() for each in expected]


def test_a_prompt_in_pieces_is_the_prompt(llama):
    config, tensors, _ = llama
    stages = build(config, tensors, (0, 2), (3, 5))
    prompt = torch.tensor([[3, 4, 5, 6, 7, 8]])
    outputs = []
    for pieces in ([prompt], [prompt[:, :2], prompt[:, 2:5], prompt[:, 5:]]):
        sessions = [stage.new_session(1, [0], 16) for stage in stages]
        for value in pieces:
            for session in sessions:
                value = session.forward(value)  # noqa: PLW2901
        outputs.append(value)
    assert (outputs[0] - outputs[1]).abs().max() < 1e-5


def test_all_logits_or_the_last(llama):
    config, tensors, whole = llama
    (stage,) = build(config, tensors, (0, 5))
    prompt = torch.tensor([[3, 4, 5]])
    with torch.no_grad():
        expected = whole(prompt).logits
    every = stage.new_session(1, [0], 8).forward(prompt, "logits")
    last = stage.new_session(1, [0], 8).forward(prompt)
    assert (every - expected).abs().max() < 1e-4
    assert (last - every[:, -1]).abs().max() < 1e-5


def test_the_cache_counts_its_bytes_and_keeps_to_its_context(llama):
    config, tensors, _ = llama
    (stage,) = build(config, tensors, (2, 3))
    session = stage.new_session(2, [0, 1], 8)
    assert session.kv_bytes == 0
    hidden = torch.zeros(2, 5, 64)
    session.forward(hidden)
    settings = json.loads(config)
    assert session.kv_bytes == 2 * 2 * 2 * 5 * settings["num_key_value_heads"] * settings["head_dim"] * 4
    assert session.length == 5
    with pytest.raises(ValueError, match="after 5 tokens"):
        session.forward(hidden)


def test_padding_must_fit_the_batch(llama):
    config, tensors, _ = llama
    (stage,) = build(config, tensors, (0, 1))
    with pytest.raises(ValueError):
        stage.new_session(2, [0], 8)
    with pytest.raises(ValueError):
        stage.new_session(1, [8], 8)


def test_a_stage_outside_the_layers(llama):
    config, _, _ = llama
    with pytest.raises(ValueError, match=r"0\.\.5"):
        Stage.build(config, 3, 6)


@pytest.mark.parametrize(
    ("model_type", "reason"),
    [
        ("openai-gpt", "no KV cache"),
        ("rwkv", "cache of its own"),
        ("inkling2_text", "block_states"),
        ("gemma3n_text", "share the keys"),
        ("bert", "see those after them"),
    ],
)
def test_what_cannot_be_split_is_refused_by_name(model_type: str, reason: str):
    config = CONFIG_MAPPING[model_type]().to_json_string(use_diff=False).encode()
    with pytest.raises(Unsplittable, match=f"{model_type} cannot be split: .*{reason}") as refusal:
        check_splittable(config)
    assert refusal.value.architecture == model_type


def test_infinities_are_read_as_transformers_writes_them():
    config = CONFIG_MAPPING["mamba2"]()
    assert parse_config(config.to_json_string(use_diff=False).encode()).to_dict() == config.to_dict()
    assert b"__float__" in config.to_json_string(use_diff=False).encode()


@pytest.mark.parametrize(
    "config",
    [b"", b"[]", b"{}", b'{"model_type": "vit"}', b'{"model_type": 3}', b'{"model_type": "llama", "hidden_size": "x"}'],
)
def test_a_config_that_is_none(config: bytes):
    with pytest.raises(Unsplittable):
        check_splittable(config)


def test_a_splittable_config_passes(llama):
    check_splittable(llama[0])
