"""A tiny model of the same architecture: the same config with its sizes shrunk, and seeded random weights.

What decides how a decoder can be split (what its layers are called with, which of them share a cache, what runs around
them) does not depend on sizes. So a model of a few thousand weights answers for one of a hundred billion.
"""

import re
from math import sqrt
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

LAYERS = 6  # two for each of three stages, and enough for the layer patterns in use (every 4th, every 6th)

_WORDS = 128  # also of a model that has fewer: the tokens of test prompts are among them

# Field names are matched whole, the first pattern that fits wins. The values agree with each other: hidden 64 = 4 heads
# of 16; experts 8 in 2 groups of which 1 is taken; windows and chunks shorter than a test prompt.
_SIZES: tuple[tuple[str, int], ...] = (
    (r"vocab_size|vocab_size_per_layer_input|unpadded_vocab_size", _WORDS),
    (r"(max|n)_position(_embedding)?s|max_seq_len|n_ctx|model_max_length|max_target_positions|context_length", 256),
    (r"original_max_position_embeddings", 128),
    (r"max_source_positions", 64),
    (r"hidden_size|d_model|n_embd|emb_dim|embedding_size|input_embedding_size|embedding_dim|word_embed_proj_dim", 64),
    (r"output_embedding_size|lru_width|attention_hidden_size|ple_embed_dim|dim_model_base|adapter_in_dim", 64),
    (r"mamba_n_heads|mamba_num_heads|n_mamba_heads", 8),
    (r"mamba_d_head|mamba_head_dim|mamba_headdim", 16),
    (r"(num|n|encoder|decoder|swa_num)_?(attention_)?heads?|num_(en|de)coder_attention_heads|attention_heads", 4),
    (r"linear_num_value_heads|index(er)?_n_heads|linear_num_heads", 4),
    (r"linear_num_key_heads|kv_n_heads", 2),
    (
        r"head_dim|dim_head|attention_head_size|swa_head_dim|kv_channels|d_head|linear_\w*head_dim|index(er)?_head_dim",
        16,
    ),
    (r"qk_nope_head_dim|v_head_dim", 16),
    (r"qk_rope_head_dim|rotary_dim|gated_norm_rank|d_rel|laurel_rank", 8),
    (r"qk_head_dim", 24),
    (r"kv_lora_rank|o_lora_rank|hc_lowrank|router_hidden_size|adapter_rank|hidden_size_per_layer_input", 16),
    (r"q_lora_rank", 32),
    (r"(\w+_)?intermediate_size(_mlp)?|\w*ffn_dim|ffn_hidden_size|expert_ffn_hidden_size|dff|dim_ff|d_inner", 96),
    (r"feed_forward_size|ffn_hidden_size", 96),
    (r"num_(local_)?experts|n_routed_experts|moe_num_experts", 8),
    (r"num_experts_per_tok(en)?|moe_topk|moe_k", 2),
    (r"n_group|num_expert_group", 2),
    (r"topk_group", 1),
    (r"sliding_window(_size)?|attention_window_size|window_size|attention_chunk_size|local_attention", 6),
    (r"num_hidden_layers|n_layers?|num_layers|(en|de)coder_layers|num_(en|de)coder_layers", LAYERS),
    (r"state_size|ssm_state_size|mamba_d_state", 8),
    (r"mamba_d_ssm", 128),
    (r"(mamba_)?chunk_size|mamba_chunk_size|block_size", 4),
    (r"index_topk", 4),
    (r"n_layers_per_attn_res_block", 2),
    (r"moe_layer_end_index", LAYERS - 1),
)
_EXACT = (64, 16, 8, 24)  # widths that must agree with each other; counts may be smaller
_PATTERNS = tuple((re.compile(pattern), size) for pattern, size in _SIZES)
_COUNTS = ("num_hidden_layers", "decoder_layers", "num_decoder_layers", "num_layers", "n_layer", "n_layers")


def shrink(config: PreTrainedConfig) -> PreTrainedConfig:
    """The same architecture with small sizes and at most 6 layers (more where a pattern needs them)."""
    small: PreTrainedConfig = CONFIG_MAPPING[config.model_type].from_dict(_shrink_fields(config.to_dict()))
    return small


def tiny_model(config: PreTrainedConfig, seed: int = 0) -> PreTrainedModel:
    """A model on the CPU in float32 whose weights are all random, so that nothing hides behind a zero or a one."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
        assert isinstance(model, PreTrainedModel)
        with torch.no_grad():
            for weight in model.parameters():
                noise = torch.randn(weight.shape)
                weight.copy_(noise / sqrt(weight.shape[-1]) if weight.dim() > 1 else weight + noise / 10)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def _shrink_fields(fields: dict[str, Any]) -> dict[str, Any]:
    count = next((fields[name] for name in _COUNTS if isinstance(fields.get(name), int)), None)
    small = {k: _shrink_value(str(k), value, count) for k, value in fields.items()}
    heads = next((fields[n] for n in ("num_attention_heads", "n_head", "n_heads") if isinstance(fields.get(n), int)), 0)
    for name in ("num_key_value_heads", "num_kv_heads", "swa_num_key_value_heads"):
        groups = fields.get(name)
        if isinstance(groups, int):
            small[name] = 1 if groups == 1 else min(heads or 4, 4) if groups >= heads else 2
    _restore_ratios(fields, small)
    if isinstance(fields.get("per_layer_config"), dict):
        small["per_layer_config"] = {k: v for k, v in small["per_layer_config"].items() if int(k) < LAYERS}
    return small


def _restore_ratios(fields: dict[str, Any], small: dict[str, Any]) -> None:
    """Let sizes that are multiples of each other by construction be so again."""

    def number(name: str) -> int:
        value = fields.get(name)
        return value if isinstance(value, int) else 0

    hidden = number("hidden_size")
    for name in ("attention_hidden_size", "embedding_size", "input_embedding_size", "word_embed_proj_dim"):
        if hidden and number(name):
            small[name] = small["hidden_size"] * number(name) // hidden
    if number("attention_hidden_size") and number("attention_head_dim"):  # Zamba attends over twice the width
        small["attention_head_dim"] = small["attention_hidden_size"] // small["num_attention_heads"]
    if number("head_dim") and number("head_dim") == number("qk_rope_head_dim"):  # latent attention, the rotated part
        small["head_dim"] = small["qk_rope_head_dim"]
    elif number("qk_nope_head_dim") and number("qk_rope_head_dim"):
        of_layers = [layer.get("qk_nope_head_dim", 0) for layer in (fields.get("per_layer_config") or {}).values()]
        if number("head_dim") - number("qk_rope_head_dim") in (number("qk_nope_head_dim"), *of_layers):
            small["head_dim"] = small["qk_nope_head_dim"] + small["qk_rope_head_dim"]
    if number("expand") and number("num_heads"):  # Mamba 2
        small["num_heads"] = small["hidden_size"] * number("expand") // small["head_dim"]


def _shrink_value(name: str, value: Any, layers: int | None) -> Any:
    if isinstance(value, dict):
        return _shrink_fields(value)
    if isinstance(value, list) and layers is not None and len(value) == layers > LAYERS:
        return _shorten(value)
    if name.endswith("token_id"):
        return _token(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    for pattern, size in _PATTERNS:
        if pattern.fullmatch(name):
            exact = (size in _EXACT and value > 1) or (value > 0 and "vocab" in name)
            return size if exact else min(value, size) if value >= 0 else value
    return value


def _shorten(values: list[Any]) -> list[Any]:
    """The first entries of a list with one for each layer, in which what is rare but comes twice still comes twice."""
    short = values[:LAYERS]
    kinds = [value for i, value in enumerate(values) if value not in values[:i]]
    for kind in kinds:
        while short.count(kind) < min(2, values.count(kind)):
            place = max((i for i, value in enumerate(short) if short.count(value) > 2), default=None)
            if place is None:
                break
            short[place] = kind
    return short


def _token(value: Any) -> Any:
    if isinstance(value, list):
        return [_token(each) for each in value]
    return value % _WORDS if isinstance(value, int) and value >= 0 else value
