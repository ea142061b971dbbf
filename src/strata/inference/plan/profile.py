"""What a model needs: bytes, floating-point operations and KV-cache bytes of each layer, without loading a weight."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Literal

from strata.inference.models.checkpoint import Checkpoint, CheckpointError
from strata.inference.models.facts import Facts, UnknownModel, facts_from_config, facts_from_gguf
from strata.inference.models.gguf_header import read_gguf_header
from strata.inference.models.layout import Layout
from strata.inference.plan.measure import measure_node
from strata.inference.plan.nodes import Links, NodeProfile

__all__ = [
    "DTYPE_BYTES", "LayerProfile", "Links", "ModelProfile", "NodeProfile", "UnknownModel", "measure_node",
    "profile_model",
]  # fmt: skip

DTYPE_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}

_TYPES = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
Weights = Literal["int8"]
KV_BLOCK = 32  # features that share a scale in 8 bits, as `decoder.cache8` has them

# Matrices in int8 are those of linear modules: experts are stacked, and routers are modules of their own, so both stay.
_LINEAR = re.compile(r"\.weight$")
_NOT_LINEAR = re.compile(r"(^|\.)(experts|router|conv1d|conv)\.|_exps\.|(mlp|moe)\.gate\.|embed|norm|wte|wpe|ln_")
_EXPERTS = re.compile(r"(^|\.)experts\.|_exps\.")


@dataclass(frozen=True)
class LayerProfile:
    """One decoder layer in the target dtype.

    flops_per_token counts the products with weight matrices (two operations for each active parameter), not those with
    the KV cache, which a decode step takes longer to read than to compute. `window` caps the cached tokens. A cache in
    8 bits is unpacked for use, one layer's at a time, which takes `unpacked_bytes_per_token` for the whole context.
    """

    weight_bytes: int
    flops_per_token: int
    kv_bytes_per_token: int
    window: int | None = None
    unpacked_bytes_per_token: int = 0

    def kv_bytes(self, context: int, batch: int) -> int:
        """Bytes of this layer's KV cache for `batch` sequences of `context` tokens."""
        return batch * self.kv_bytes_per_token * min(context, self.window or context)


@dataclass(frozen=True)
class ModelProfile:
    """A model by layer.

    embedding_bytes is what the first stage holds besides its layers, head_bytes what the last one does (final norm and
    head); `shared_bytes` of them are the same tensors, held once where one node is both first and last. `widest` is the
    largest number of features that a matrix within a layer yields for a token. `weights` is "int8" where the matrices
    of the layers, the embedding and the head are held in int8 (one scale an output channel or token), `kv_cache` where
    the keys and values of full attention are (one scale for 32 features); None where in `dtype`.
    """

    name: str
    architecture: str
    dtype: str
    layers: tuple[LayerProfile, ...]
    embedding_bytes: int
    head_bytes: int
    shared_bytes: int
    tied: bool
    hidden_size: int
    vocab_size: int
    widest: int
    max_context: int
    weights: Weights | None = None
    kv_cache: Weights | None = None

    @property
    def total_bytes(self) -> int:
        """Bytes of the weights on one node that holds the whole model."""
        return self.stage_weight_bytes(0, len(self.layers) - 1)

    def stage_kv_bytes(self, first: int, last: int, context: int, rows: int) -> int:
        """Bytes of the KV caches of a stage, for `rows` sequences; those in 8 bits with what they are unpacked to."""
        cached = sum(layer.kv_bytes(context, rows) for layer in self.layers[first : last + 1])
        return cached + self.unpacked_bytes(first, last, context, rows)

    def unpacked_bytes(self, first: int, last: int, context: int, rows: int) -> int:
        """Bytes of one layer's keys and values in the dtype, where they are kept in 8 bits."""
        return rows * context * max(layer.unpacked_bytes_per_token for layer in self.layers[first : last + 1])

    def stage_weight_bytes(self, first: int, last: int) -> int:
        """Bytes of the weights that a stage of layers `first` to `last` holds."""
        at_front, at_end = first == 0, last == len(self.layers) - 1
        return (
            sum(layer.weight_bytes for layer in self.layers[first : last + 1])
            + at_front * self.embedding_bytes
            + at_end * self.head_bytes
            - (at_front and at_end) * self.shared_bytes
        )


@dataclass(frozen=True)
class _Held:
    """The dtype, and what matrices, and keys and values, are held in."""

    dtype: str
    weights: Weights | None
    kv_cache: Weights | None


@dataclass(frozen=True)
class _Tensor:
    shape: tuple[int, ...]
    nbytes: int


def profile_model(
    path: Path, dtype: str | None = None, weights: Weights | None = None, kv_cache: Weights | None = None
) -> ModelProfile:
    """Profile the checkpoint folder (config.json and safetensors) or the `.gguf` file at `path` from its headers alone.

    dtype: what floating-point weights and the KV cache will be held in: "float32", "bfloat16", "float16" or "float64";
    None keeps the checkpoint's own (float32 for GGUF, whose blocks are unpacked to run). Weights that are not floating
    point (packed quantised ones) count as stored. weights: "int8" for matrices in int8; kv_cache: "int8" for keys and
    values in int8. Raises CheckpointError, UnknownLayout or UnknownModel.
    """
    if dtype is not None and dtype not in DTYPE_BYTES:
        raise UnknownModel(f"dtype must be one of {', '.join(DTYPE_BYTES)}, not {dtype!r}")
    if weights not in {None, "int8"}:
        raise UnknownModel(f"weights are held as they are or in int8, not in {weights!r}")
    if kv_cache not in {None, "int8"}:
        raise UnknownModel(f"the KV cache is held as it is or in int8, not in {kv_cache!r}")
    if path.suffix == ".gguf":
        return _profile_gguf(path, _Held(dtype or "float32", weights, kv_cache))
    checkpoint = Checkpoint.open(path)
    config = json.loads(checkpoint.config)
    if not isinstance(config, dict):
        raise CheckpointError(f"{path}: config.json is not an object")
    facts = facts_from_config(config)
    stored: dict[str, int] = {}
    for entry in checkpoint.tensors.values():
        stored[entry.dtype] = stored.get(entry.dtype, 0) + entry.nbytes
    most = _TYPES.get(max(stored, key=lambda kind: stored[kind], default=""))
    own = facts.dtype if facts.dtype in DTYPE_BYTES else most
    target = dtype or own or "float32"
    tensors = {
        name: _Tensor(e.shape, prod(e.shape) * DTYPE_BYTES[target] if e.dtype in _TYPES else e.nbytes)
        for name, e in checkpoint.tensors.items()
    }
    layout = Layout.from_names(tensors, len(facts.kv_widths), facts.tied)
    return _assemble(path.resolve().name, facts, layout, tensors, _Held(target, weights, kv_cache))


def _profile_gguf(path: Path, target: _Held) -> ModelProfile:
    header = read_gguf_header(path)
    if header.metadata.get("split.count", 1) not in {0, 1}:
        raise CheckpointError(f"{path}: one part of several; join them first (llama-gguf-split --merge)")
    facts = facts_from_gguf(header)
    # The layout knows the names that checkpoints of transformers use.
    names = {n: n.replace("token_embd", "embed_tokens").replace("output_norm", "norm") for n in header.shapes}
    tensors = {names[n]: _Tensor(shape, prod(shape) * DTYPE_BYTES[target.dtype]) for n, shape in header.shapes.items()}
    layout = Layout.from_names(tensors, len(facts.kv_widths), facts.tied)
    return _assemble(path.stem, facts, layout, tensors, target)


def _assemble(name: str, facts: Facts, layout: Layout, tensors: Mapping[str, _Tensor], target: _Held) -> ModelProfile:
    words = set(layout.words)

    def held(names: Iterable[str]) -> int:
        return sum(_held(n, tensors[n], target, table=n in words) for n in set(names))

    front, end = set(layout.before), {*layout.after, *layout.tied}
    matrices = [tensors[n].shape for layer in layout.layers for n in layer if len(tensors[n].shape) == 2]
    return ModelProfile(
        name=name,
        architecture=facts.architecture,
        dtype=target.dtype,
        layers=tuple(
            _with_cache(
                LayerProfile(
                    weight_bytes=held(names),
                    flops_per_token=_flops({n: tensors[n].shape for n in names}, facts.active_experts),
                    kv_bytes_per_token=width * DTYPE_BYTES[target.dtype],
                    window=window,
                ),
                width,
                target,
            )
            for names, width, window in zip(layout.layers, facts.kv_widths, facts.windows, strict=True)
        ),
        embedding_bytes=held(front),
        head_bytes=held(end),
        shared_bytes=held(front & end),
        tied=bool(layout.tied),
        hidden_size=facts.hidden_size,
        vocab_size=facts.vocab_size,
        widest=max((max(shape) for shape in matrices), default=facts.hidden_size),
        max_context=facts.max_context,
        weights=target.weights,
        kv_cache=target.kv_cache,
    )


def _with_cache(layer: LayerProfile, width: int, target: _Held) -> LayerProfile:
    """A layer that caches `width` features of a token, keys and values, as they are held; a window keeps the dtype."""
    if target.kv_cache is None or layer.window is not None:
        return layer
    scales = 2 * -(-width // 2 // KV_BLOCK) * DTYPE_BYTES[target.dtype]
    unpacked = layer.kv_bytes_per_token
    return replace(layer, kv_bytes_per_token=width + scales, unpacked_bytes_per_token=unpacked)


def _held(name: str, tensor: _Tensor, target: _Held, *, table: bool) -> int:
    """Bytes of a tensor, which may be a table of tokens, on a node."""
    quantised = table or (_LINEAR.search(name) and not _NOT_LINEAR.search(name))
    if target.weights is None or not quantised or len(tensor.shape) != 2:
        return tensor.nbytes
    return prod(tensor.shape) + tensor.shape[0] * (2 if target.dtype == "bfloat16" else 4)


def _flops(shapes: Mapping[str, tuple[int, ...]], active_experts: float) -> int:
    """Two operations a token for each entry of a matrix; experts by the share of them that a token uses."""
    matrices = {name: prod(shape) for name, shape in shapes.items() if len(shape) >= 2}
    experts = sum(size for name, size in matrices.items() if _EXPERTS.search(name))
    return round(2 * (sum(matrices.values()) - experts + experts * active_experts))
