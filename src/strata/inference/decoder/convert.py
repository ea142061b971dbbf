"""From the tensors of a checkpoint as it lies on disk to the parameters of a model, by transformers' own rules.

Since version 5 the two differ: names are rewritten, and some tensors are merged (the experts of a mixture into one
parameter) or split. What has to be done is planned from names alone; it is then carried out one parameter at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial

import torch
from transformers import PreTrainedModel
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import (
    Concatenate,
    MergeModulelist,
    WeightConverter,
    WeightRenaming,
    dot_natural_key,
    rename_source_key,
)

Read = Callable[[str], torch.Tensor]


@dataclass
class Conversion:
    """Checkpoint tensors that together make the parameters `targets`, by the operations of `converter`."""

    converter: WeightConverter
    first_target: str
    targets: tuple[str, ...]
    sources: list[tuple[str, str]] = field(default_factory=list)  # (pattern of the converter, checkpoint name)

    def run(self, model: PreTrainedModel, read: Read) -> Iterator[tuple[str, int | None, torch.Tensor]]:
        """Yield (parameter, index along its first dimension or None for all of it, value)."""
        for index, sources in self._steps():
            converter = deepcopy(self.converter)
            for pattern, name in sources:
                converter.add_tensor(self.first_target, name, pattern, partial(read, name))  # type: ignore[arg-type]
            made = converter.convert(self.first_target, model=model, config=model.config)
            for target, value in made.items():
                value = value[0] if isinstance(value, list) else value  # noqa: PLW2901
                yield target, index, value if index is None else value[0]

    def _steps(self) -> Iterator[tuple[int | None, list[tuple[str, str]]]]:
        """All sources at once; or, where they are stacked one expert beside the other, one expert after the other.

        The second keeps what is in memory beside the weights at one expert instead of a layer full of them.
        """
        operations = self.converter.operations
        stacks = isinstance(operations[0], MergeModulelist) and operations[0].dim == 0
        if stacks and all(isinstance(op, Concatenate) and op.dim != 0 for op in operations[1:]):
            by_pattern: dict[str, list[str]] = {}
            for pattern, name in self.sources:
                by_pattern.setdefault(pattern, []).append(name)
            for index, names in enumerate(zip(*by_pattern.values(), strict=True)):
                yield index, list(zip(by_pattern, names, strict=True))
        else:
            yield None, self.sources


@dataclass(frozen=True)
class LoadPlan:
    """What to do with checkpoint tensors: `direct` ones are a parameter as they are; those in neither are not used."""

    direct: Mapping[str, str]
    conversions: tuple[Conversion, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The checkpoint tensors used."""
        return (*self.direct, *(name for each in self.conversions for _, name in each.sources))


def plan_load(model: PreTrainedModel, names: Iterable[str], wanted: Iterable[str]) -> LoadPlan:
    """Plan how parameters `wanted` of `model` (a skeleton is enough) come from the checkpoint tensors `names`."""
    parameters = model.state_dict()
    keep = set(wanted)
    transforms = get_model_conversion_mapping(model)
    renamings = [each for each in transforms if isinstance(each, WeightRenaming)]
    converters = [each for each in transforms if isinstance(each, WeightConverter)]
    by_pattern = {pattern: each for each in converters for pattern in each.source_patterns}
    direct: dict[str, str] = {}
    conversions: dict[str, Conversion] = {}
    prefix = model.base_model_prefix
    for name in sorted(names, key=dot_natural_key):  # stacked tensors are stacked in this order
        target, pattern = rename_source_key(name, renamings, converters, prefix, parameters)
        if target not in parameters and name in parameters:
            target, pattern = rename_source_key(name, [], [], prefix, parameters)
        if target not in parameters:
            continue
        if pattern is None:
            if target in keep:
                direct[name] = target
            continue
        converter = by_pattern[pattern]
        if target not in conversions:
            patterns = converter.target_patterns
            targets = tuple(target.replace(patterns[0], other) for other in patterns)
            conversions[target] = Conversion(converter, target, targets)
        conversions[target].sources.append((pattern, name))
    return LoadPlan(direct, tuple(each for each in conversions.values() if keep.intersection(each.targets)))
