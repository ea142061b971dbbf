"""Many small Llamas on many items at once: the summed log-likelihood of every choice.

Weights are stacked by child; the choices of an item lie behind one prompt, each seeing the prompt and itself only.
Plain torch, because the overhead of a model class is most of the time at this size; a test compares with transformers.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Shape:
    """The part of a Llama configuration that is needed."""

    layers: int
    heads: int
    epsilon: float
    theta: float


@dataclass(frozen=True)
class Batch:
    """Items of similar length. `rows` and `columns`: where the token before each scored token lies, `tokens` which one
    is scored, `choices` for which choice of the batch; `rights`: position of the right choice by item."""

    ids: torch.Tensor  # items by tokens
    positions: torch.Tensor
    seen: torch.Tensor  # items by 1 by tokens by tokens
    rows: torch.Tensor
    columns: torch.Tensor
    tokens: torch.Tensor
    choices: torch.Tensor
    rights: torch.Tensor
    width: int  # choices an item


def pack(items, size=64):
    """Batches of items, each (prompt tokens, tokens by choice, position of the right one); also their order."""
    order = sorted(range(len(items)), key=lambda i: len(items[i][0]) + sum(len(c) - 1 for c in items[i][1]))
    return [_pack([items[i] for i in order[k : k + size]]) for k in range(0, len(order), size)], order


def _pack(items):
    length = max(len(prompt) + sum(len(choice) - 1 for choice in choices) for prompt, choices, _ in items)
    width = max(len(choices) for _, choices, _ in items)
    ids = torch.zeros(len(items), length, dtype=torch.long)
    positions = torch.zeros(len(items), length, dtype=torch.long)
    seen = torch.eye(length, dtype=torch.bool).repeat(len(items), 1, 1)
    scored = []
    for row, (prompt, choices, _) in enumerate(items):
        start = len(prompt)
        ids[row, :start] = torch.tensor(prompt)
        positions[row, :start] = torch.arange(start)
        seen[row, :start, :start] = torch.ones(start, start).tril().bool()
        for number, choice in enumerate(choices):
            end = start + len(choice) - 1  # nothing follows the last token, so nothing needs to see it
            ids[row, start:end] = torch.tensor(choice[:-1], dtype=torch.long)
            positions[row, start:end] = torch.arange(len(prompt), len(prompt) + end - start)
            seen[row, start:end, : len(prompt)] = True
            seen[row, start:end, start:end] = torch.ones(end - start, end - start).tril().bool()
            columns = [len(prompt) - 1, *range(start, end)]
            scored += [
                (row, column, token, row * width + number) for column, token in zip(columns, choice, strict=True)
            ]
            start = end
    rows, columns, tokens, numbers = torch.tensor(scored).T
    rights = torch.tensor([right for _, _, right in items])
    return Batch(ids, positions, seen[:, None], rows, columns, tokens, numbers, rights, width)


def stack(states):
    """State dicts to one, children first."""
    return {name: torch.stack([state[name] for state in states]) for name in states[0]}


@torch.inference_mode()
def log_likelihoods(weights, shape, batch):
    """Children by items by choices; choices that an item lacks have minus infinity."""
    children = weights["lm_head.weight"].shape[0]
    items, length = batch.ids.shape
    hidden = weights["model.embed_tokens.weight"][:, batch.ids]
    width = hidden.shape[-1] // shape.heads
    frequencies = 1.0 / shape.theta ** (torch.arange(0, width, 2).float() / width)
    angles = batch.positions[..., None] * frequencies
    angles = torch.cat([angles, angles], -1)[:, None]
    cosine, sine = angles.cos(), angles.sin()

    def times(x, name):
        return torch.bmm(x.reshape(children, items * length, -1), weights[name].mT).reshape(children, items, length, -1)

    def norm(x, name):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + shape.epsilon)
        return x * scale * weights[name][:, None, None]

    def rotate(x):
        low, high = x.chunk(2, -1)
        return x * cosine + torch.cat([-high, low], -1) * sine

    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}."
        inner = norm(hidden, prefix + "input_layernorm.weight")
        query, key, value = (
            times(inner, f"{prefix}self_attn.{part}_proj.weight").unflatten(-1, (-1, width)).transpose(2, 3)
            for part in "qkv"
        )
        groups = shape.heads // key.shape[2]
        key, value = (part.repeat_interleave(groups, 2) for part in (rotate(key), value))
        mixed = functional.scaled_dot_product_attention(rotate(query), key, value, batch.seen)
        hidden = hidden + times(mixed.transpose(2, 3).flatten(3), prefix + "self_attn.o_proj.weight")
        inner = norm(hidden, prefix + "post_attention_layernorm.weight")
        gate = functional.silu(times(inner, prefix + "mlp.gate_proj.weight"))
        hidden = hidden + times(gate * times(inner, prefix + "mlp.up_proj.weight"), prefix + "mlp.down_proj.weight")
    last = norm(hidden, "model.norm.weight")[:, batch.rows, batch.columns]
    logits = torch.bmm(last, weights["lm_head.weight"].mT)
    chosen = functional.log_softmax(logits, -1).gather(2, batch.tokens.expand(children, -1)[..., None])[..., 0]
    sums = torch.zeros(children, items * batch.width).index_add_(1, batch.choices, chosen)
    there = torch.zeros(items * batch.width, dtype=torch.bool)
    there[batch.choices] = True
    return sums.masked_fill(~there, -torch.inf).view(children, items, batch.width)


def right_answers(weights, shape, batches, order):
    """Children by items: 1 where the likeliest choice is the right one."""
    parts = [log_likelihoods(weights, shape, batch).argmax(2) == batch.rights for batch in batches]
    found = torch.cat(parts, 1).float()
    right = torch.empty_like(found)
    right[:, order] = found
    return right
