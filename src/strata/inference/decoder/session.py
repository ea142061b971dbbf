"""One generation in one stage: its KV cache, and the model's own forward run over the layers of the stage."""

from collections.abc import Sequence
from functools import partial
from inspect import signature
from typing import Any, Literal

import torch
from transformers import GenerationMixin, PreTrainedModel

from strata.inference.decoder.cache import Preallocated, StageCache
from strata.inference.decoder.cache8 import Preallocated8, Unpacked
from strata.inference.decoder.direct import DirectSteps, Owner, Program
from strata.inference.decoder.payload import pack, unpack
from strata.inference.decoder.split import Left

Want = Literal["hidden", "last_logits", "logits"]
Held = Literal["int8"]


class StageSession:
    """The state of one batch of sequences in one stage. Not thread-safe: a stage runs one forward at a time.

    `padding[i]` is the number of padding tokens on the left of row i. cache: "int8" keeps keys and values in 8 bits, in
    layers of full attention.
    """

    def __init__(
        self, stage: Owner, batch: int, padding: Sequence[int], max_context: int, *, cache: Held | None = None
    ) -> None:
        if len(padding) != batch or not all(0 <= pad < max_context for pad in padding):
            raise ValueError(f"padding must hold {batch} numbers from 0 to {max_context - 1}, not {list(padding)}")
        model = stage.model
        self.stage = stage
        self.batch = batch
        layer = partial(Preallocated8, unpacked=Unpacked()) if cache == "int8" else Preallocated
        self.cache = StageCache(model.config, max_context, layer)
        self._max_context = max_context
        self._mask = (torch.arange(max_context) >= torch.tensor(padding)[:, None]).long()
        # As `generate` counts: from the first real token; padding is at position 0.
        self._positions = (self._mask.cumsum(-1) - 1).clamp_min_(0)
        self._ids = torch.zeros((batch, max_context), dtype=torch.int64)
        parameters = signature(model.forward).parameters
        self._constant: dict[str, Any] = {cache_name(model): self.cache.cache, "use_cache": True}
        self._takes_positions = "position_ids" in parameters
        self._keeps_last = "logits_to_keep" in parameters
        prepare: Any = type(model).prepare_inputs_for_generation  # type: ignore[attr-defined]
        # Only where a model prepares its inputs in a way of its own is that worth its time in every step.
        self._prepare = None if prepare is GenerationMixin.prepare_inputs_for_generation else prepare
        plain = self._prepare is None and self.cache.is_plain and not stage.cut.is_packed and not any(padding)
        self._direct = DirectSteps(stage, batch, self.cache.cache) if plain else None

    @property
    def length(self) -> int:
        """Tokens seen so far, padding included."""
        return self.cache.length

    @property
    def kv_bytes(self) -> int:
        """Bytes that the cache occupies now."""
        return self.cache.nbytes

    @property
    def takes_slices(self) -> bool:
        """Whether a long input may be fed in several pieces with the same outcome, and the last tokens taken back.

        So it is where every layer caches plain attention: then the cache is all that an earlier token leaves behind.
        """
        return self._prepare is None and self.cache.is_plain

    def rewind(self, length: int) -> None:
        """Forget all but the first `length` tokens; raises ValueError where there are fewer, or none can be forgotten.

        What follows is then computed as if the others had never been fed.
        """
        if not self.takes_slices or not 0 <= length <= self.length:
            raise ValueError(f"cannot go back to {length} of {self.length} tokens")
        if length < self.length:
            self.cache.rewind(length)

    @torch.inference_mode()
    def forward(self, inputs: torch.Tensor, want: Want = "last_logits") -> torch.Tensor:
        """Run the next T tokens through the layers of this stage.

        inputs: in the first stage token ids (B, T) int64; in others what the previous stage returned.
        Returns, from the last stage, logits (B, V) of the last position ("last_logits") or (B, T, V) ("logits"); from
        others a tensor (B, T, ...) to be handed to the next stage as it is. Raises ValueError past max_context and
        BadPayload for inputs that no stage sends.
        """
        tokens = inputs.shape[1]
        end = self.cache.length + tokens
        if end > self._max_context or inputs.shape[0] != self.batch:
            raise ValueError(
                f"{tuple(inputs.shape)} after {self.length} tokens: room is {self.batch} x {self._max_context}"
            )
        if self._direct is not None and tokens == 1 < end and want != "logits":
            output = self._step(self._direct, inputs, want)
        else:
            output = self._run(inputs, end, want)
        self.cache.advance(tokens)
        return output

    def program(self, inputs: torch.Tensor) -> Program | None:
        """How the step for `inputs` is made by calling the layers, None where that is not known; see `together`."""
        if self._direct is None or inputs.shape[:2] != (self.batch, 1) or self.length >= self._max_context:
            return None
        return self._direct.program(self.length)

    def _step(self, direct: DirectSteps, inputs: torch.Tensor, want: Want) -> torch.Tensor:
        """One token more, past the model's own forward where that is known to change nothing."""
        start = self.cache.length
        program = direct.program(start)
        if program is not None:
            output = program.run(inputs, start)
            return output[:, -1] if self.stage.is_last else output

        def arguments(count: int) -> dict[str, Any]:
            return self._arguments(self._ids[:, start : start + count], start + count, want)

        ids = self._ids[:, start : start + 1]
        return direct.watch(
            ids, start, arguments, lambda: self._run(inputs, start + 1, want), self._max_context - start
        )

    def _run(self, inputs: torch.Tensor, end: int, want: Want) -> torch.Tensor:
        """The model's own forward."""
        stage = self.stage
        ids = self._receive(inputs, end)
        try:
            logits: torch.Tensor = stage.model(**self._arguments(ids, end, want)).logits
        except Left:
            return self._send(ids)
        else:
            return logits if want == "logits" else logits[:, -1]
        finally:
            stage.cut.entering = stage.cut.leaving = ()

    def _receive(self, inputs: torch.Tensor, end: int) -> torch.Tensor:
        """Take what came in; return the token ids (B, T), zeros where they have stayed behind."""
        ids = self._ids[:, end - inputs.shape[1] : end]
        cut = self.stage.cut
        if self.stage.is_first:
            ids.copy_(inputs)
            return ids
        if not cut.is_packed:
            cut.entering = (inputs,)
            return ids
        values = unpack(inputs)
        if cut.traits.token_ids:
            ids.copy_(values[0])
            values = values[1:]
        cut.enter(values)
        return ids

    def _send(self, ids: torch.Tensor) -> torch.Tensor:
        cut = self.stage.cut
        if not cut.is_packed:
            (output,) = cut.leaving
            assert output is not None
            return output
        return pack(([ids] if cut.traits.token_ids else []) + cut.left())

    def _arguments(self, ids: torch.Tensor, end: int, want: Want) -> dict[str, Any]:
        kwargs = dict(self._constant, attention_mask=self._mask[:, :end])
        tokens = ids.shape[1]
        if self._keeps_last:
            kwargs["logits_to_keep"] = 0 if want == "logits" else 1
        if self._prepare is None:
            kwargs["input_ids"] = ids
            if self._takes_positions:
                kwargs["position_ids"] = self._positions[:, end - tokens : end]
            return kwargs
        if self._takes_positions:
            kwargs["position_ids"] = self._positions[:, :end]
        prepared: dict[str, Any] = self._prepare(
            self.stage.model,
            self._ids[:, :end],
            next_sequence_length=tokens,
            is_first_iteration=end == tokens,
            **kwargs,
        )
        return prepared


def cache_name(model: PreTrainedModel) -> str:
    """What the model's forward calls its cache: state-space models have another word for it."""
    return "cache_params" if "cache_params" in signature(model.forward).parameters else "past_key_values"
