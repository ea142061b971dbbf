"""mergekit in this process: imported once, made repeatable and quicker, parents kept open from child to child.

Changes of mergekit, none of which changes a bit of what its own command writes:

- models are listed in the order in which the configuration names them, the base first; mergekit takes them from a set
  of texts, so which parent without a base gives configuration and tokenizer changes from run to run
- the quicker computations of `kernels` and `arithmetic`, where they prove exact on this machine
- a tensor that is not finite stops the merge
- its card calls no model that lies here a model of the Hugging Face hub; mergekit asks the hub, and fails without it
- parents stay mapped until a merge does not name them
"""

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import torch
from mergekit import card, sparsify
from mergekit.config import MergeConfiguration
from mergekit.io.tasks import LoaderCache
from mergekit.io.tensor_writer import TensorWriter
from mergekit.merge import run_merge
from mergekit.merge_methods import GeneralizedTaskArithmeticMerge
from mergekit.options import MergeOptions

from strata.evolution.merge import arithmetic, kernels
from strata.evolution.merge.tokens import vocabulary
from strata.evolution.models import BadModel


class NotFinite(ValueError):
    """A merged tensor holds NaN or infinity."""


class TokenizersDiffer(ValueError):
    """Parents that number their tokens differently, in a recipe that does not say whose numbers to use."""


@dataclass(frozen=True)
class Order:
    """One merge. `source`: text of the recipe, kept beside the model as mergekit's command keeps it; None: no card."""

    configuration: dict[str, Any]
    seed: int
    out: str
    source: str | None = None


def prepare() -> None:
    """Make the changes. Once in a process."""
    logging.disable(logging.CRITICAL)  # mergekit logs a traceback where parents have no tokenizer; that is no fault
    rescale = sparsify.rescaled_masked_tensor
    for name in ("magnitude", "bernoulli"):
        original = getattr(sparsify, name)
        quick = getattr(kernels, name)(original, rescale)
        if kernels.same_bits(quick, original):
            setattr(sparsify, name, quick)
    pieces = arithmetic.in_pieces(GeneralizedTaskArithmeticMerge.merge_group)
    if arithmetic.same_bits(pieces, GeneralizedTaskArithmeticMerge.merge_group):
        GeneralizedTaskArithmeticMerge.merge_group = pieces
    MergeConfiguration.referenced_models = _models_in_order
    card.is_hf = lambda path: not Path(path).exists()
    TensorWriter.save_tensor = _refusing_what_is_not_finite(TensorWriter.save_tensor)


def let_go(but: Collection[str]) -> None:
    """Unmap all parents except those at the paths `but`: what is mapped counts as this process's memory."""
    loaders = LoaderCache.loaders
    for model in [each for each in loaders if each.model.path not in but]:
        del loaders[model]


def merge(order: Order) -> None:
    """Write the model into the folder `out`, as `mergekit-yaml --random-seed` does, with its default options.

    Raises BadModel, NotFinite, TokenizersDiffer, and whatever mergekit raises.
    """
    configuration = MergeConfiguration.model_validate(order.configuration)
    models = configuration.referenced_models()
    folders = [Path(model.model.path) for model in models]
    for folder in folders:
        _check_configuration(folder)
    if configuration.tokenizer is None and configuration.tokenizer_source is None:
        _check_tokenizers(folders)
    options = MergeOptions(random_seed=order.seed, quiet=True, write_model_card=order.source is not None)
    run_merge(configuration, order.out, options, config_source=order.source)


def _models_in_order(configuration: Any) -> list[Any]:
    slices = [*(configuration.slices or ())]
    listed = [*(configuration.models or ())]
    for module in (configuration.modules or {}).values():
        listed += module.models or ()
        slices += module.slices or ()
    listed += [source for part in slices for source in part.sources]
    base = [configuration.base_model] if configuration.base_model else []
    return list(dict.fromkeys([*base, *(each.model for each in listed)]))


def _refusing_what_is_not_finite(save_tensor: Any) -> Any:
    @wraps(save_tensor)
    def save(writer: Any, name: str, tensor: torch.Tensor, clone: bool = False) -> None:
        # A sum is finite only if all weights are. It can also overflow: then the weights are looked at.
        if tensor.is_floating_point() and not tensor.sum().isfinite():
            bad = int(tensor.numel() - tensor.isfinite().sum())
            if bad:
                raise NotFinite(f"{name}: {bad} of {tensor.numel()} weights are NaN or infinite")
        save_tensor(writer, name, tensor, clone)

    return save


def _check_configuration(folder: Path) -> None:
    """mergekit takes a parent's architecture from its configuration, and says of a lack of one nothing of use."""
    if not folder.exists():
        raise BadModel(f"there is no model {folder}")
    try:
        names = json.loads((folder / "config.json").read_bytes())["architectures"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadModel(f"{folder.name} has no config.json that names an architecture") from error
    if not isinstance(names, list) or len(names) != 1:
        raise BadModel(f"{folder.name} has a config.json that does not name one architecture")


def _check_tokenizers(folders: list[Path]) -> None:
    known = [(folder, found) for folder in folders if (found := vocabulary(folder)) is not None]
    for folder, found in known[1:]:
        if found != known[0][1]:
            raise TokenizersDiffer(
                f"{known[0][0].name} and {folder.name} number their tokens differently; "
                "say in the recipe whose tokenizer to use (tokenizer_source: union, base, or a model)"
            )
