"""Which checkpoint tensors belong to which layers, from their names alone.

A decoder's checkpoint is a numbered list of layers with something before it (embeddings) and something after it
(final norm, head). The list is found by its count, so no architecture's naming needs to be known:

>>> names = ["wte.weight", "h.0.attn.weight", "h.1.attn.weight", "ln_f.weight"]
>>> layout = Layout.from_names(names, num_layers=2, tied=True)
>>> layout.stage(1, 1)
('h.1.attn.weight', 'ln_f.weight', 'wte.weight')
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from strata.errors import StrataError

_NUMBER = re.compile(r"(?:^|\.)(\d+)\.")
# A multi-modal checkpoint holds several towers; the one that reads text is the decoder.
_OTHER_TOWER = re.compile(r"vis(ion|ual)|image|audio|speech|encoder", re.IGNORECASE)
_HEAD = re.compile(r"(^|\.)(lm_head|embed_out|output|head|cls|predictions|lm_predictions|decoder_head|generator)(\.|$)")
_EMBEDDING = re.compile(r"embed|wte|wpe|(^|\.)emb(\.|$)", re.IGNORECASE)
_POSITION = re.compile(r"pos|wpe|type|per_layer|norm|(^|\.)ln", re.IGNORECASE)
_FINAL_NORM = re.compile(r"(^|\.)(norm|ln_f|ln_out|final_[a-z_]*norm|final_norm|norm_f)(\.|$)")


class UnknownLayout(StrataError):
    """No numbered list in the checkpoint has the number of layers that its config states."""


@dataclass(frozen=True)
class Layout:
    """Checkpoint tensor names by where a decoder uses them.

    `before`: what the first stage needs besides its layers; `layers[i]`: the tensors of layer i; `after`: what the last
    stage needs besides its layers; `words`: those of `before` that are tables of tokens; `tied`: those of them that are
    also the head, so both ends need them. A small tensor whose side the name does not tell (some norms) is in both
    `before` and `after`.
    """

    before: tuple[str, ...]
    layers: tuple[tuple[str, ...], ...]
    after: tuple[str, ...]
    tied: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @classmethod
    def from_names(cls, names: Iterable[str], num_layers: int, tied: bool) -> "Layout":
        """Sort `names` into a layout of `num_layers` layers; `tied` is the config's `tie_word_embeddings`.

        Raises UnknownLayout where no list of names is numbered 0 .. num_layers - 1.
        """
        names = tuple(names)
        prefix = _layer_prefix(names, num_layers)
        layers: list[list[str]] = [[] for _ in range(num_layers)]
        before: list[str] = []
        after: list[str] = []
        for name in names:
            if name.startswith(prefix) and (number := re.match(r"\d+(?=\.)", name[len(prefix) :])):
                # Layers past the count are extras that generation does not run (multi-token prediction).
                if int(number[0]) < num_layers:
                    layers[int(number[0])].append(name)
            elif _HEAD.search(name) or _FINAL_NORM.search(name):
                after.append(name)
            elif _EMBEDDING.search(name) and "norm" not in name.lower():
                before.append(name)
            else:
                before.append(name)
                after.append(name)
        has_head = any(_HEAD.search(name) and name.endswith("weight") for name in after)
        words = tuple(n for n in before if _EMBEDDING.search(n) and not _POSITION.search(n) and n.endswith("weight"))
        numbered = tuple(map(tuple, layers))
        return cls(tuple(before), numbered, tuple(after), words if tied and not has_head else (), words)

    def stage(self, first: int, last: int) -> tuple[str, ...]:
        """The names that a stage of layers `first` to `last` (0-based, inclusive) needs, each once."""
        if not 0 <= first <= last < len(self.layers):
            raise ValueError(f"stage {first}..{last} is not within layers 0..{len(self.layers) - 1}")
        names = list(self.before) if first == 0 else []
        for layer in self.layers[first : last + 1]:
            names += layer
        if last == len(self.layers) - 1:
            names += self.after + self.tied
        return tuple(dict.fromkeys(names))


def _layer_prefix(names: Iterable[str], num_layers: int) -> str:
    """The part of the names up to the layer number: "model.layers." or "h."; "" where names begin with the number."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for name in names:
        for match in _NUMBER.finditer(name):
            numbers[name[: match.start(1)]].add(int(match[1]))
    wanted = set(range(num_layers))
    found = [prefix for prefix, seen in numbers.items() if seen >= wanted]
    if not found:
        counts = {prefix: len(seen) for prefix, seen in sorted(numbers.items())[:8]}
        raise UnknownLayout(f"no numbered list of {num_layers} layers among the checkpoint's tensors (found: {counts})")
    # The outermost list wins over lists within a layer (experts), the text tower over the others, an exact count over
    # a longer list.
    return min(
        found, key=lambda p: (bool(_OTHER_TOWER.search(p)), len(_NUMBER.findall(p)), len(numbers[p]) - num_layers, p)
    )
