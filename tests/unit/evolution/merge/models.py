"""Tiny Llama models in a store: large enough that every quicker computation is used, small enough for seconds."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from strata.evolution.models import put_model
from strata.evolution.recipes import METHODS
from strata.store import Store

CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16", "hidden_size": 64,
    "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "vocab_size": 1000, "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
}  # fmt: skip


def write_model(
    folder: Path, seed: int, *, hidden: int = 64, dtype=torch.bfloat16, tokens: str = "t", spoil: float | None = None
) -> Path:
    """A model whose weights are a common base (seed 0) and something of its own; `spoil` is its last weight."""
    folder.mkdir(parents=True)
    name = str(dtype).removeprefix("torch.")
    (folder / "config.json").write_text(json.dumps(CONFIG | {"hidden_size": hidden, "dtype": name}))
    common, own = torch.Generator().manual_seed(0), torch.Generator().manual_seed(seed)
    weights = {}
    for tensor, shape in _shapes(hidden).items():
        weights[tensor] = torch.randn(shape, generator=common) * 0.05 + torch.randn(shape, generator=own) * 0.002 * seed
    if spoil is not None:
        weights["model.norm.weight"][-1] = spoil
    save_file(
        {n: w.to(dtype) for n, w in weights.items()}, str(folder / "model.safetensors"), metadata={"format": "pt"}
    )
    vocabulary = {f"{tokens}{number}": number for number in range(1000)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": f"{tokens}0"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model, "added_tokens": []}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
    return folder


def _shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (1000, hidden), "model.norm.weight": (hidden,)}
    narrow = hidden // 2
    for layer in range(2):
        prefix = f"model.layers.{layer}."
        for part in ("input_layernorm", "post_attention_layernorm"):
            shapes[f"{prefix}{part}.weight"] = (hidden,)
        for part, rows in (("q", hidden), ("k", narrow), ("v", narrow), ("o", hidden)):
            shapes[f"{prefix}self_attn.{part}_proj.weight"] = (rows, hidden)
        for part, shape in (("gate", (96, hidden)), ("up", (96, hidden)), ("down", (hidden, 96))):
            shapes[f"{prefix}mlp.{part}_proj.weight"] = shape
    return shapes


@dataclass(frozen=True)
class Family:
    """A store, and folders and digests of its models by their names."""

    store: Store
    folders: dict[str, Path]
    digests: dict[str, str]

    def add(self, name: str, folder: Path) -> str:
        self.folders[name] = folder
        self.digests[name] = put_model(self.store, folder).digest
        return self.digests[name]


def configuration(method: str, base: str, *others: str, dtype: str | None = "bfloat16") -> dict:
    """A configuration of the method for as many of the models as it takes."""
    found = METHODS[method]
    own = {"density": 0.6, "epsilon": 0.1, "gamma": 0.05}
    models = []
    for number, model in enumerate(others[: found.most or 2]):
        values = {name: value for name, value in own.items() if (p := found.parameter(name)) and p.scope != "shared"}
        if (weight := found.parameter("weight")) and weight.required:
            values["weight"] = [0.5 - 0.2 * number, 0.3]
        models.append({"model": model, "parameters": values})
    shared = {name: 0.4 for name in ("t", "select_topk") if found.parameter(name)}
    fields = {"merge_method": method, "models": models, "parameters": shared}
    return fields | ({"dtype": dtype} if dtype else {}) | ({} if found.base == "ignored" else {"base_model": base})


def make_family(home: Path) -> Family:
    """Three small models in a store of their own."""
    made = Family(Store(home / "store"), {}, {})
    for seed, name in enumerate(("base", "one", "two")):
        made.add(name, write_model(home / name, seed))
    return made
