"""A model of 1.1 billion random parameters in bfloat16, in the shape of TinyLlama, written as a checkpoint.

No trained model of this size need be at hand: time and memory do not depend on the values of weights.

Random weights make close calls, though, and half precision decides those by the order of its sums. So (1) what each
layer adds is scaled by 1/sqrt(2 layers), as GPT-2's initialisation has it, which keeps rounding errors from growing;
and (2) of many random prompts the benchmark takes the one whose closest call on the way is the clearest (`clearest`).
"""

import json
import math
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import torch

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16",
    "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 22, "num_attention_heads": 32,
    "num_key_value_heads": 4, "vocab_size": 32000, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": False, "bos_token_id": None,
    "eos_token_id": None, "pad_token_id": None,
}  # fmt: skip
SHARD_BYTES = 512 << 20
EMBEDDING_STD, WEIGHT_STD = 0.5, 0.02


def write_model(folder: Path, seed: int, config: dict[str, Any] | None = None) -> None:
    """Write config.json and sharded safetensors files with an index, one tensor in memory at a time."""
    config = config or CONFIG
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    tensors = list(enumerate(shapes(config)))
    weight_map: dict[str, str] = {}
    for number in count(1):
        if not tensors:
            break
        shard, size = [], 0
        while tensors and size < SHARD_BYTES:
            shard.append(tensors.pop(0))
            size += 2 * math.prod(shard[-1][1][1])
        file = f"model-{number:05}.safetensors"
        _write_shard(folder / file, shard, seed, config["num_hidden_layers"])
        weight_map |= {name: file for _, (name, _) in shard}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def shapes(config: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The model's tensors in the order in which they are used."""
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    narrow = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        yield prefix + "input_layernorm.weight", (hidden,)
        for name, rows in (("q", hidden), ("k", narrow), ("v", narrow), ("o", hidden)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, hidden)
        yield prefix + "post_attention_layernorm.weight", (hidden,)
        yield prefix + "mlp.gate_proj.weight", (wide, hidden)
        yield prefix + "mlp.up_proj.weight", (wide, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, wide)
    yield "model.norm.weight", (hidden,)
    yield "lm_head.weight", (config["vocab_size"], hidden)


def _write_shard(path: Path, shard: list[tuple[int, tuple[str, tuple[int, ...]]]], seed: int, layers: int) -> None:
    header, end = {}, 0
    for _, (name, shape) in shard:
        start, end = end, end + 2 * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for index, (name, shape) in shard:
            tensor = torch.ones(shape)
            if len(shape) > 1:
                tensor.normal_(0, _std(name, layers), generator=torch.Generator().manual_seed(seed + index))
            file.write(tensor.bfloat16().view(torch.uint8).numpy().data)


def _std(name: str, layers: int) -> float:
    if name.endswith("embed_tokens.weight"):
        return EMBEDDING_STD
    return WEIGHT_STD / math.sqrt(2 * layers) if name.endswith(("o_proj.weight", "down_proj.weight")) else WEIGHT_STD


def clearest(model: Path, prompts: int, length: int, tokens: int, seed: int) -> tuple[list[int], float]:
    """Of `prompts` random ones of `length` tokens: that whose answer is the clearest, and how clear it is.

    Clear is the least lead, over its `tokens` steps, of the best token over the second, in standard deviations of that
    step's logits; bfloat16 rounds logits of this model to about 0.01 of these.
    """
    from transformers import AutoModelForCausalLM

    whole: Any = AutoModelForCausalLM.from_pretrained(model, dtype=torch.bfloat16, local_files_only=True)
    vocabulary = whole.config.vocab_size
    ids = torch.randint(vocabulary, (prompts, length), generator=torch.Generator().manual_seed(seed))
    out = whole.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
        pad_token_id=0,
    )
    leads = []
    for logits in out.logits:
        best, second = logits.float().topk(2).values.unbind(-1)
        leads.append((best - second) / logits.float().std(-1))
    least = torch.stack(leads).min(0).values
    choice = int(least.argmax())
    return ids[choice].tolist(), float(least[choice])
