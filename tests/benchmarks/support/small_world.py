"""The small models that ship (or were trained into a folder), in memory for many merges and evaluations."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load
from transformers import AutoTokenizer

from strata.evolution.search import Space
from strata.evolution.suites import DOMAINS, draw
from support.quick_merge import METHODS, QuickMerge
from support.small_llama import Shape, pack, right_answers, stack

BASE = "base"


@dataclass(frozen=True)
class World:
    """`states` by digest: the base first, then the specialists. `tokenizer`: transformers'."""

    states: dict
    names: dict
    shape: Shape
    space: Space
    tokenizer: object

    def merger(self):
        """Merges recipes of the space."""
        return QuickMerge(self.states, self.shape.layers)

    def items(self, purpose, generation, count, seed):
        """`count` items of every domain, packed."""
        return {
            domain: pack([self._tokens(item) for item in draw(domain, purpose, generation, count, seed)])
            for domain in DOMAINS
        }

    def _tokens(self, item):
        def ids(text, start=False):
            return self.tokenizer(text, add_special_tokens=start)["input_ids"]

        return ids(item.prompt, True), [ids(choice + item.stop) for choice in item.choices], item.answer

    def scores(self, states, items, together=4):
        """Share of right answers by domain, for each state dict; `together` of them in one pass."""
        found = []
        for begin in range(0, len(states), together):
            weights = stack(states[begin : begin + together])
            by_domain = {
                domain: right_answers(weights, self.shape, *packed).double().mean(1).tolist()
                for domain, packed in items.items()
            }
            found += [dict(zip(by_domain, row, strict=True)) for row in zip(*by_domain.values(), strict=True)]
        return found


def open_world(folder: Path, methods=METHODS):
    """The world of a folder that has a model folder `base` and one for each domain."""
    configuration = json.loads((folder / BASE / "config.json").read_text())
    weights = {name: (folder / name / "model.safetensors").read_bytes() for name in (BASE, *DOMAINS)}
    names = {name: hashlib.sha256(data).hexdigest() for name, data in weights.items()}
    states = {names[name]: load(data) for name, data in weights.items()}
    rope = configuration.get("rope_parameters") or configuration
    shape = Shape(
        configuration["num_hidden_layers"],
        configuration["num_attention_heads"],
        configuration["rms_norm_eps"],
        rope.get("rope_theta", 10000.0),
    )
    parents = tuple(names[domain] for domain in DOMAINS)
    space = Space(parents, names[BASE], shape.layers, methods)
    return World(states, names, shape, space, AutoTokenizer.from_pretrained(folder / BASE))
