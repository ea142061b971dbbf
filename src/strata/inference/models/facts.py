"""The few numbers of a model's configuration that planning needs, whatever its architecture calls them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strata.errors import StrataError
from strata.inference.models.gguf_header import GgufHeader

# Architectures whose `sliding_window` holds for every layer when the config lists no kinds of layers.
_ALL_SLIDE = frozenset({"mistral", "mixtral", "phi3", "phimoe", "starcoder2"})
_CAPPED = frozenset({"sliding_attention", "chunked_attention"})


class UnknownModel(StrataError):
    """The configuration lacks a number without which nothing can be planned."""


@dataclass(frozen=True)
class Facts:
    """kv_widths[i]: features that layer i caches for a token, keys and values together; windows[i]: how many tokens at
    most, None for all of them; active_experts: share of a layer's experts that a token uses."""

    architecture: str
    hidden_size: int
    vocab_size: int
    max_context: int
    kv_widths: tuple[int, ...]
    windows: tuple[int | None, ...]
    active_experts: float
    tied: bool
    dtype: str | None = None


def facts_from_config(config: Mapping[str, Any]) -> Facts:
    """Read a `config.json` of transformers; multi-modal models by their text part. Raises UnknownModel.

    Layers that keep a state of fixed size (recurrent, convolutional) count as full attention where the model has
    attention heads. Multi-head latent attention counts the keys and values of every head: transformers caches those.
    """
    nested = [
        config[key] for key in ("text_config", "llm_config", "language_config") if isinstance(config.get(key), dict)
    ]
    text: Mapping[str, Any] = {**config, **nested[0]} if nested else config
    layers = _integer(text, "num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")
    hidden = _integer(text, "hidden_size", "n_embd", "d_model", "dim", "model_dim")
    experts = _integer(text, "num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts", default=0)
    used = _integer(text, "num_experts_per_tok", "top_k_experts", "moe_topk", "moe_k", default=experts)
    return Facts(
        architecture=str(text.get("model_type") or config.get("model_type") or "unknown"),
        hidden_size=hidden,
        vocab_size=_integer(text, "vocab_size"),
        max_context=_integer(
            text,
            "max_position_embeddings",
            "n_positions",
            "n_ctx",
            "max_sequence_length",
            "max_seq_len",
            default=1 << 20,
        ),
        kv_widths=_kv_widths(text, layers, hidden),
        windows=_windows(text, layers),
        active_experts=min(1.0, used / experts) if experts else 1.0,
        tied=bool(text.get("tie_word_embeddings", True)),
        dtype=str(text.get("dtype") or text.get("torch_dtype") or "") or None,
    )


def facts_from_gguf(header: GgufHeader) -> Facts:
    """Read a GGUF header's metadata; raises UnknownModel."""
    given = header.metadata
    architecture = str(given.get("general.architecture", "unknown"))
    of = {key.removeprefix(architecture + "."): value for key, value in given.items()}
    layers, hidden = _integer(of, "block_count"), _integer(of, "embedding_length")
    heads = _integer(_flat(of, max), "attention.head_count", default=0)
    # OpenELM and others give a number of heads for each layer.
    kv_heads = _per_layer(of.get("attention.head_count_kv", heads), layers)
    size = _integer(of, "attention.key_length", default=hidden // heads if heads else 0)
    width = size + _integer(of, "attention.value_length", default=size)
    window = _integer(_flat(of, max), "attention.sliding_window", default=0) or None
    pattern = of.get("attention.sliding_window_pattern")
    experts = _integer(of, "expert_count", default=0)
    # Without a pattern of layers the file does not say which of them slide: only a model where all do is capped.
    slides = _per_layer(pattern, layers) if isinstance(pattern, tuple) else (architecture in _ALL_SLIDE,) * layers
    return Facts(
        architecture=architecture,
        hidden_size=hidden,
        vocab_size=_integer(of, "vocab_size", default=header.lengths.get("tokenizer.ggml.tokens", 0)),
        max_context=_integer(of, "context_length"),
        kv_widths=tuple(int(count) * width for count in kv_heads),
        windows=tuple(window if slide else None for slide in slides),
        active_experts=min(1.0, _integer(of, "expert_used_count", default=experts) / experts) if experts else 1.0,
        tied="output.weight" not in header.shapes,
    )


def _kv_widths(text: Mapping[str, Any], layers: int, hidden: int) -> tuple[int, ...]:
    flat = _flat(text, max)
    heads = _integer(
        flat, "num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads", default=0
    )
    if not heads:
        return (0,) * layers
    if text.get("kv_lora_rank"):
        keys = _integer(text, "qk_nope_head_dim", default=0) + _integer(text, "qk_rope_head_dim", default=0)
        return (heads * (keys + _integer(text, "v_head_dim", default=keys)),) * layers
    size = _integer(text, "head_dim", "attention_head_dim", default=hidden // heads)
    one_for_all = text.get("multi_query") and not text.get("new_decoder_architecture")
    names = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
    given = next((text[name] for name in names if text.get(name)), heads)
    return tuple(2 * int(count) * size for count in _per_layer(1 if one_for_all else given, layers))


def _windows(text: Mapping[str, Any], layers: int) -> tuple[int | None, ...]:
    window = text.get("sliding_window") or text.get("attention_chunk_size") or text.get("window_size")
    if not isinstance(window, int) or isinstance(window, bool) or window < 1:
        return (None,) * layers
    kinds, every = text.get("layer_types"), text.get("sliding_window_pattern")
    if isinstance(kinds, list) and len(kinds) == layers:
        return tuple(window if kind in _CAPPED else None for kind in kinds)
    if isinstance(every, int) and every > 0:  # every n-th layer sees everything
        return tuple(None if (i + 1) % every == 0 else window for i in range(layers))
    return (window if text.get("model_type") in _ALL_SLIDE else None,) * layers


def _per_layer(given: Any, layers: int) -> tuple[Any, ...]:
    if not isinstance(given, list | tuple):
        return (given,) * layers
    if len(given) != layers:
        raise UnknownModel(f"a list of {len(given)} numbers for {layers} layers")
    return tuple(given)


def _flat(fields: Mapping[str, Any], choose: Any) -> dict[str, Any]:
    """The fields, with one number in place of each list of numbers."""
    return {k: choose(v) if isinstance(v, list | tuple) and v and type(v[0]) is int else v for k, v in fields.items()}


def _integer(fields: Mapping[str, Any], *names: str, default: int | None = None) -> int:
    for name in names:
        value = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    if default is None:
        raise UnknownModel(f"the model's configuration says nothing of {' or '.join(names)}")
    return default
