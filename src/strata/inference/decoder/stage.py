"""The contiguous layers of a model that one machine holds, and nothing else of it.

>>> check_splittable(config_json)
>>> names = tensors_for(config_json, checkpoint_names, [(0, 9), (10, 19)])    # what each stage must be sent
>>> stage = Stage.build(config_json, first=10, last=19, dtype=torch.float32)   # a skeleton without weights
>>> stage.load(source, names[1])
>>> session = stage.new_session(batch=1, padding=[0], max_context=2048)
>>> hidden = session.forward(hidden)
"""

from collections.abc import Iterable
from functools import lru_cache

import torch

from strata.inference.decoder.convert import plan_load
from strata.inference.decoder.split import build_skeleton, parse_config
from strata.inference.decoder.stage_model import MissingWeights, Source, StageModel, owned_weights
from strata.inference.decoder.traits import check_splittable, traits_of

__all__ = ["MissingWeights", "Source", "Stage", "check_splittable", "tensors_for"]


class Stage(StageModel):
    """Layers `first` to `last` (0-based, inclusive) of a model, with the embeddings or the head where it has them."""

    @classmethod
    def build(
        cls,
        config_json: bytes,
        first: int,
        last: int,
        dtype: torch.dtype | str = "float32",
        weights: str | None = None,
    ) -> "Stage":
        """The stage without weights, to be held in `dtype` or, its matrices, in `weights`; raises Unsplittable."""
        config = parse_config(config_json)
        traits = traits_of(config)
        skeleton = build_skeleton(config, getattr(torch, dtype) if isinstance(dtype, str) else dtype)
        return cls(skeleton, traits, first, last, weights)


def tensors_for(config_json: bytes, names: Iterable[str], ranges: Iterable[tuple[int, int]]) -> list[tuple[str, ...]]:
    """For each stage (first, last), exactly those of the checkpoint tensors `names` that it must be sent.

    More exact than names alone can tell: some architectures need a table of positions, or even the embedding, in every
    stage. Raises Unsplittable.
    """
    return list(_tensors_for(config_json, tuple(names), tuple(ranges)))


@lru_cache(maxsize=16)  # asked for every answer
def _tensors_for(
    config_json: bytes, names: tuple[str, ...], ranges: tuple[tuple[int, int], ...]
) -> tuple[tuple[str, ...], ...]:
    config = parse_config(config_json)
    model, traits = build_skeleton(config, torch.float32), traits_of(config)
    return tuple(plan_load(model, names, owned_weights(model, traits, first, last)).names for first, last in ranges)
