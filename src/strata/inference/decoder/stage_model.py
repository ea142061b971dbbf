"""A model with the weights of some of its layers: what a stage is made of."""

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Protocol

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from strata.errors import StrataError
from strata.inference.decoder import attention, prepacked
from strata.inference.decoder.convert import plan_load
from strata.inference.decoder.direct import Program
from strata.inference.decoder.embedding import install_embedding, packed_embedding
from strata.inference.decoder.head import fold_head
from strata.inference.decoder.quantised import FLOATS, INT8, Int8Linear, install, packed
from strata.inference.decoder.session import Held, StageSession
from strata.inference.decoder.split import Cut, Traits
from strata.inference.decoder.weights import Arena, buffers_of


class MissingWeights(StrataError):
    """The checkpoint tensors given do not fill the stage."""


class Source(Protocol):
    """Where checkpoint tensors come from: `source(name)` gives a CPU tensor in the checkpoint's dtype.

    A source may also have `read_into(name, buffers, dtype, shape) -> bool`, which fills the buffers, one after the
    other, with the tensor's bytes and returns True, so they go straight to their place in the stage; it returns False,
    touching nothing, where the checkpoint's dtype or shape is another one, and the tensor is then asked for by
    `source(name)`.
    """

    def __call__(self, name: str, /) -> torch.Tensor:
        """The tensor of that name."""
        ...


class StageModel:
    """Layers `first` to `last` (0-based, inclusive) of `model`, with the embeddings or the head where it has them.

    `model` is a skeleton on the meta device, which is taken over. weights: "int8" holds the matrices of linear modules
    and the word embedding in int8; None holds them in the model's dtype.

    Sessions are independent of each other, but forwards are not concurrent: one at a time per stage.
    """

    def __init__(
        self, model: PreTrainedModel, traits: Traits, first: int, last: int, weights: str | None = None
    ) -> None:
        if weights not in {None, INT8}:
            raise ValueError(f"weights are held as they are (None) or in {INT8!r}, not in {weights!r}")
        layers = model.get_submodule(traits.layers)
        assert isinstance(layers, nn.ModuleList)
        if not 0 <= first <= last < len(layers):
            raise ValueError(f"layers {first}..{last} are not within 0..{len(layers) - 1}")
        attention.install()
        self.model = model
        self.traits = traits
        self.first, self.last = first, last
        self.is_first, self.is_last = first == 0, last == len(layers) - 1
        self.cut = Cut(traits)
        self.proved: dict[Hashable, bool] = {}
        self.programs: list[Program] = []
        self._own = owned_weights(model, traits, first, last)
        self._used = used = used_weights(model, traits, first, last)
        every = model.state_dict(keep_vars=True)
        linear = packed(model, used) if weights == INT8 else {}
        embedding = packed_embedding(model, used, linear) if weights == INT8 else {}
        named = linear | {name: module.matrix for name, module in embedding.items()}
        self._int8 = tuple(dict.fromkeys(named.values()))  # that of an embedding and its tied head is one
        # A tied weight that also serves as it is, as a table of another kind, is held beside its int8 copy.
        plain = {id(every[name]) for name in used - named.keys()}
        self._copies: dict[str, set[Int8Linear]] = {}  # by every name of the tied weight
        for name, module in named.items():
            for alias, tensor in every.items():
                if tensor is every[name]:
                    self._copies.setdefault(alias, set()).add(module)
        own = {n: t for n, t in self._own.items() if n not in self._copies or id(t) in plain}
        self._arena = _make_real(model, traits.layers, first, last, own, int8=self._int8)
        install(model, linear)  # not before: a model's initialisation may want its own modules
        install_embedding(model, embedding)
        self._own = {name: own.get(name, tensor) for name, tensor in self._own.items()}
        self._plain = own
        self.cut.install(layers, first, last)
        if self.is_last:
            fold_head(model)

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights that this stage holds, each counted once."""
        plain = sum(tensor.nbytes for tensor in {id(t): t for t in self._plain.values()}.values())
        return plain + sum(module.values.nbytes + module.scales.nbytes for module in self._int8)

    def wanted(self, names: Iterable[str]) -> tuple[str, ...]:
        """Which of the checkpoint tensors called `names` this stage needs, exactly."""
        return plan_load(self.model, names, self._own).names

    def load(self, source: Source | Callable[[str], torch.Tensor], names: Iterable[str]) -> None:
        """Fill the weights from the checkpoint tensors called `names`, one at a time; names not needed are left out.

        Names and layouts are those of the checkpoint on disk; where transformers converts them on loading, so does
        this. What is held in int8 is quantised as it is read, some rows at a time. Called once. Raises MissingWeights
        where a weight of the stage is in none of them.
        """
        plan = plan_load(self.model, names, self._own)
        read_into = getattr(source, "read_into", None)
        filled: set[int] = set()
        with torch.no_grad():
            for name, parameter in plan.direct.items():
                filled.add(id(self._own[parameter]))
                target = self._plain.get(parameter)
                if target is not None and not _read(name, target, read_into):
                    target.copy_(source(name))
                for copy in self._copies.get(parameter, ()):
                    if target is None:
                        copy.read(name, source)
                    else:
                        copy.fill(target)
            for conversion in plan.conversions:
                for parameter, index, value in conversion.run(self.model, source):
                    filled.add(id(self._own[parameter]))
                    target = self._plain.get(parameter)
                    if target is not None:
                        (target if index is None else target[index]).copy_(value)
                    for copy in self._copies.get(parameter, ()):
                        copy.fill(value)
        self._initialise_missing({name: tensor for name, tensor in self._own.items() if id(tensor) not in filled})
        prepacked.prepack(self.model, self._used, self._arena.release)

    def _initialise_missing(self, missing: dict[str, torch.Tensor]) -> None:
        """Compute weights that checkpoints leave out on purpose (fixed position tables); refuse to make up others."""
        optional = self.model._keys_to_ignore_on_load_missing or ()
        unknown = [name for name in missing if not any(re.search(pattern, name) for pattern in optional)]
        if unknown:
            raise MissingWeights(f"no checkpoint tensor for {', '.join(unknown[:5])} ({len(unknown)} in all)")
        if missing:
            for module in self.model.modules():
                if any(id(tensor) in map(id, missing.values()) for tensor in module._parameters.values()):
                    module._is_hf_initialized = False  # type: ignore[assignment]
            for tensor in missing.values():
                tensor._is_hf_initialized = False  # type: ignore[attr-defined]
            self.model.initialize_weights()  # type: ignore[no-untyped-call]

    def new_session(
        self, batch: int, padding: Sequence[int], max_context: int, *, cache: Held | None = None
    ) -> StageSession:
        """A fresh session for `batch` sequences of at most `max_context` tokens, padding (on the left) included.

        cache: "int8" keeps keys and values in 8 bits where the model caches plain attention.
        """
        return StageSession(self, batch, padding, max_context, cache=cache)


def _read(name: str, target: torch.Tensor, read_into: Callable[..., bool] | None) -> bool:
    """Have the tensor read to its place, some rows at a time where its dtype is another one; False if it cannot be."""
    if read_into is None or target.numel() == 0:
        return False
    own, shape = target.dtype, tuple(target.shape)
    others = [dtype for dtype in FLOATS if dtype != own] if own in FLOATS and target.dim() > 1 else []
    return any(read_into(name, buffers_of(target, dtype), dtype, shape) for dtype in (own, *others))


def owned_weights(model: PreTrainedModel, traits: Traits, first: int, last: int) -> dict[str, torch.Tensor]:
    """The weights of a stage, by each of their names."""
    used = used_weights(model, traits, first, last)
    every = model.state_dict(keep_vars=True)
    wanted = {id(tensor) for name, tensor in every.items() if name in used}
    # A tied weight goes by several names, of which a checkpoint has any.
    return {name: tensor for name, tensor in every.items() if id(tensor) in wanted}


def used_weights(model: PreTrainedModel, traits: Traits, first: int, last: int) -> set[str]:
    """Names by which the stage's own computation uses its weights: of a tied one, those of the modules that run."""
    prefix, count = traits.layers + ".", len(list(model.get_submodule(traits.layers).children()))
    outside = set(traits.everywhere)
    outside |= set(traits.before) if first == 0 else set()
    outside |= set(traits.after) if last == count - 1 else set()

    def used(name: str) -> bool:
        if not name.startswith(prefix):
            return name in outside
        return first <= int(name[len(prefix) :].split(".", 1)[0]) <= last

    return set(filter(used, model.state_dict(keep_vars=True)))


def _make_real(
    model: PreTrainedModel,
    path: str,
    first: int,
    last: int,
    own: dict[str, torch.Tensor],
    *,
    int8: Iterable[Int8Linear],
) -> Arena:
    """Give memory to the weights in `own` and `int8`, values to tables outside the checkpoint, nothing to the rest.

    Weights outside the layers that the stage does not own become zeros of stride 0, which take no memory, so the
    model's own code around the layers can still run (on values that nobody uses).
    """
    layers = model.get_submodule(path)
    for index, layer in enumerate(layers.children()):
        if not first <= index <= last:
            for module in layer.modules():
                module._is_hf_initialized = True  # type: ignore[assignment]
    modules = list(int8)
    held = [tensor for module in modules for tensor in (module.values, module.scales)]
    wanted = {id(tensor): tensor for tensor in (*own.values(), *held)}
    arena = Arena(tensor.nbytes for tensor in wanted.values())
    multiplied = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear | Conv1D)}
    real = {key: arena.tensor(t.shape, t.dtype, multiplied=key in multiplied) for key, t in wanted.items()}
    skipped = {id(m) for i, layer in enumerate(layers.children()) if not first <= i <= last for m in layer.modules()}
    made: dict[int, torch.Tensor] = {}
    for module in model.modules():
        if id(module) in skipped:
            continue
        holders: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
        for slots in holders:
            for name, tensor in slots.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    made[id(tensor)] = _replacement(
                        tensor, real.get(id(tensor)), name in module._non_persistent_buffers_set
                    )
                slots[name] = made[id(tensor)]
    for name, tensor in own.items():
        own[name] = made[id(tensor)]
    for module in modules:
        module.values, module.scales = (
            nn.Parameter(real[id(tensor)], requires_grad=False) for tensor in (module.values, module.scales)
        )
    model.initialize_weights()  # type: ignore[no-untyped-call]
    return arena


def _replacement(tensor: torch.Tensor, real: torch.Tensor | None, computed: bool) -> torch.Tensor:
    if computed:
        return torch.empty_like(tensor, device="cpu")  # its value comes from the model's initialisation
    value = torch.zeros((), dtype=tensor.dtype).expand(tensor.shape) if real is None else real
    if isinstance(tensor, nn.Parameter):
        value = nn.Parameter(value, requires_grad=False)
    value._is_hf_initialized = True  # type: ignore[attr-defined]
    return value
