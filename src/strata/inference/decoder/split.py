"""How a decoder is cut between two layers, without code per architecture.

A stage runs the model's own forward, so masks, rotary tables, positions and layer patterns come from its own code.
Only the layers' `forward` is exchanged: layers before the stage hand their input through, the first owned layer takes
what the previous stage sent instead of what the prelude computed, and the layer after the last owned one leaves the
forward with the values it was about to receive. What crosses a cut is therefore what a layer is called with.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from strata.errors import StrataError
from strata.inference.decoder.payload import BadPayload

_OTHER_TOWER = re.compile(r"vision|visual|audio|depth_decoder")


class Unsplittable(StrataError):
    """The model cannot be run in stages that give exactly what the whole gives."""

    def __init__(self, architecture: str, reason: str) -> None:
        super().__init__(f"{architecture} cannot be split: {reason}")
        self.architecture = architecture
        self.reason = reason


@dataclass(frozen=True)
class Traits:
    """What there is to know about an architecture in order to cut it; found by running a tiny model of it.

    `layers`: path of the decoder's list of layers; `before`, `after`: names of the parameters outside the layers that
    run before the first and after the last layer; `everywhere`: those that every stage needs; `carried`: names of the
    layer arguments that change from layer to layer, the hidden state first; `output`: what a layer returns, None for
    one tensor, else the carried name (or None) at each place of the tuple; `token_ids`: whether every stage needs the
    token ids.
    """

    layers: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    everywhere: tuple[str, ...] = ()
    carried: tuple[str, ...] = ("hidden_states",)
    output: tuple[str | None, ...] | None = None
    token_ids: bool = False


def parse_config(config_json: bytes) -> PreTrainedConfig:
    """A `config.json` as transformers reads it. Code shipped with a model is never run; raises Unsplittable."""
    try:
        fields = json.loads(config_json, object_hook=_special_float)
        model_type = fields["model_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unsplittable("this model", "its config is not JSON with a model_type") from error
    if model_type not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or model_type not in CONFIG_MAPPING:
        raise Unsplittable(str(model_type), "transformers knows no causal language model of this type")
    try:
        return CONFIG_MAPPING[model_type].from_dict(fields)
    except Exception as error:  # each configuration has checks of its own
        raise Unsplittable(str(model_type), f"transformers refuses its config: {error}") from error


def _special_float(fields: dict[str, Any]) -> Any:
    """transformers writes an infinity, which JSON has not, as {"__float__": "Infinity"}."""
    return float(fields["__float__"]) if fields.keys() == {"__float__"} else fields


def build_skeleton(config: PreTrainedConfig, dtype: torch.dtype) -> PreTrainedModel:
    """The whole model on the meta device: every module and shape, no memory."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)  # type: ignore[no-untyped-call]
    assert isinstance(model, PreTrainedModel)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def find_layers(model: PreTrainedModel) -> str:
    """Path of the decoder's list of layers, for example "model.layers"; raises Unsplittable where there is none."""
    text = model.config.get_text_config(decoder=True)
    fields = ("num_hidden_layers", "decoder_layers", "num_layers", "n_layer")
    counts = {count for count in (getattr(text, name, None) for name in fields) if isinstance(count, int)}
    found: list[str] = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) in counts and not _OTHER_TOWER.search(name)
    ]
    if not found:
        raise Unsplittable(model.config.model_type, "it has no list of layers as long as its config says")
    # A decoder beside an encoder is the one that reads text; a list inside a layer is not the list of layers.
    return min(found, key=lambda name: ("encoder." in name, name.count("."), name))


@dataclass
class Cut:
    """The exchanged `forward`s of one stage's model, and the values that pass through them.

    `entering`: what the previous stage sent, set before the model runs; `leaving`: what the next stage needs.
    Not for concurrent use: one forward at a time.
    """

    traits: Traits
    entering: tuple[torch.Tensor | None, ...] = ()
    leaving: tuple[torch.Tensor | None, ...] = field(default=(), init=False)

    def install(self, layers: nn.ModuleList, first: int, last: int) -> None:
        """Exchange the forwards so that only layers `first` to `last` compute."""
        for layer in layers[:first]:
            layer.forward = self.hand_through(layer)
        if first > 0:
            # Some models leave layers out (cross-attention without an image), so the first to be called is not known.
            for layer in layers[first : last + 1]:
                layer.forward = self._enter(layer)
        for layer in layers[last + 1 :]:
            layer.forward = self._leave(layer)

    @property
    def is_packed(self) -> bool:
        """Whether more than one hidden state crosses a cut, packed into one tensor."""
        return self.traits.token_ids or len(self.traits.carried) > 1

    def enter(self, values: tuple[torch.Tensor, ...]) -> None:
        """Take the values of a packed input; raises BadPayload unless they are one for each carried name."""
        if len(values) != len(self.traits.carried):
            raise BadPayload(f"{len(values)} values entered where {len(self.traits.carried)} are carried")
        # Not every layer hands on everything; what is missing is sent as nothing.
        self.entering = tuple(None if value.numel() == 0 and value.dtype == torch.bool else value for value in values)

    def left(self) -> list[torch.Tensor]:
        """The values that left, to be packed."""
        hidden = self.leaving[0]
        assert hidden is not None
        nothing = torch.empty((*hidden.shape[:2], 0), dtype=torch.bool)
        return [nothing if value is None else value for value in self.leaving]

    def _reader(self, layer: nn.Module) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...]]:
        places = _places(layer, self.traits.carried)
        return lambda args, kwargs: tuple(args[i] if i < len(args) else kwargs.get(name) for name, i in places)

    def hand_through(self, layer: nn.Module) -> Callable[..., Any]:
        """A forward for `layer` that returns what it is given, in the form in which the layer returns."""
        read = self._reader(layer)
        names, output = self.traits.carried, self.traits.output
        if output is None:
            return lambda *args, **kwargs: read(args, kwargs)[0]
        order = [names.index(name) if name in names else None for name in output]

        def forward(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
            values = read(args, kwargs)
            return tuple(None if place is None else values[place] for place in order)

        return forward

    def _enter(self, layer: nn.Module) -> Callable[..., Any]:
        places = _places(layer, self.traits.carried)
        original = layer.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            if not self.entering:
                return original(*args, **kwargs)
            changed = list(args)
            entering, self.entering = self.entering, ()
            for (name, place), value in zip(places, entering, strict=True):
                if place < len(changed):
                    changed[place] = value
                else:
                    kwargs[name] = value
            return original(*changed, **kwargs)

        return forward

    def _leave(self, layer: nn.Module) -> Callable[..., Any]:
        read = self._reader(layer)

        def forward(*args: Any, **kwargs: Any) -> Any:
            self.leaving = read(args, kwargs)
            raise Left

        return forward


class Left(BaseException):  # control flow, not an error; BaseException so that no model code catches it
    """Raised where the layers of a stage end and the model's forward is not to run on."""


def _places(layer: nn.Module, names: tuple[str, ...]) -> list[tuple[str, int]]:
    parameters = list(signature(type(layer).forward).parameters)[1:]
    return [(name, parameters.index(name) if name in parameters else len(parameters)) for name in names]
