"""A word embedding held in int8, one scale for each token; tied to a head of the same stage, the two hold one matrix.

Rows are looked up, scaled in the stage's dtype, and given to the module's own forward as if they were its whole table:
so subclasses that do something of their own with the rows of a table (Gemma multiplies them, others normalise them) go
on doing it. Position embeddings, of which there are few rows and whose lookup is not by token, stay as they are.
"""

from collections.abc import Mapping
from copy import copy

import torch
from torch import nn
from torch.func import functional_call
from transformers import PreTrainedModel

from strata.inference.decoder.quantised import Int8Linear, Scratch


class Int8Embedding(nn.Module):
    """What an nn.Embedding computes, from the rows of an int8 matrix (tokens, features).

    Some model code asks an embedding's `weight` for its device or dtype: it is a stand-in of that shape which takes no
    memory and whose entries are NaN, so that code which computes with it does not go unnoticed.
    """

    def __init__(self, module: nn.Embedding, matrix: Int8Linear) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = module.num_embeddings, module.embedding_dim
        self.padding_idx = module.padding_idx
        # Neither is a submodule: the matrix may be the head's, and the module's own table is never filled.
        self._matrix = (matrix,)
        self._own: tuple[nn.Embedding, ...] = ()
        if type(module) is not nn.Embedding:
            self._own = (copy(module),)
            self._own[0].padding_idx = None  # matters to gradients only, and is not among a few rows

    @property
    def matrix(self) -> Int8Linear:
        """What holds the rows."""
        return self._matrix[0]

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (...) to (..., features) in the stage's dtype; raises IndexError for an id that is no token's."""
        rows = self.matrix.rows(ids.reshape(-1))
        for module in self._own:
            looked_up: torch.Tensor = functional_call(module, {"weight": rows}, (torch.arange(len(rows)),))
            rows = looked_up
        return rows.view(*ids.shape, rows.shape[-1])

    @property
    def weight(self) -> torch.Tensor:
        """NaN in the shape, dtype and place of the table."""
        return torch.full((), torch.nan, dtype=self.matrix.dtype).expand(self.num_embeddings, self.embedding_dim)

    def _save_to_state_dict(self, destination: dict[str, torch.Tensor], prefix: str, keep_vars: bool) -> None:
        destination[prefix + "weight"] = self.matrix.values if keep_vars else self.matrix.values.detach()


def word_embedding(model: PreTrainedModel) -> nn.Embedding | None:
    """The embedding that token ids are looked up in, where it may be held in int8.

    One that changes its rows when they are looked up, or has weights beside its table, is left as it is.
    """
    try:
        module = model.get_input_embeddings()
    except NotImplementedError:
        return None
    if not isinstance(module, nn.Embedding) or module.max_norm is not None or len(list(module.parameters())) > 1:
        return None
    return module


def packed_embedding(
    model: PreTrainedModel, wanted: set[str], linear: Mapping[str, Int8Linear]
) -> dict[str, Int8Embedding]:
    """What is to stand in the place of the word embedding, by each name of its weight; empty if none is in `wanted`.

    linear: what is to stand in the place of linear modules, by weight: one of them may hold the tied matrix.
    """
    module = word_embedding(model)
    if module is None:
        return {}
    places = [f"{path}.weight" for path, each in model.named_modules(remove_duplicate=False) if each is module]
    if not wanted.intersection(places):
        return {}
    every = model.state_dict(keep_vars=True)
    tied = (matrix for name, matrix in linear.items() if every[name] is module.weight and not matrix.transposed)
    embedding = Int8Embedding(module, next(tied, None) or Int8Linear(module, Scratch()))
    return dict.fromkeys(places, embedding)


def install_embedding(model: PreTrainedModel, made: Mapping[str, Int8Embedding]) -> None:
    """Put the embedding of `packed_embedding` in its places."""
    for name, module in made.items():
        model.set_submodule(name.removesuffix(".weight"), module)
