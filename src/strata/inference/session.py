"""One generation in one stage: its KV cache, and the model's own forward run over the layers of the stage."""

from collections.abc import Sequence
from inspect import signature
from typing import Any, Literal, Protocol

import torch
from transformers import PreTrainedModel

from strata.inference.cache import StageCache
from strata.inference.split import Cut, Left

Want = Literal["hidden", "last_logits", "logits"]


class Runnable(Protocol):
    """What a session needs of its stage."""

    model: PreTrainedModel
    cut: Cut
    is_first: bool
    is_last: bool


class StageSession:
    """The state of one batch of sequences in one stage. Not thread-safe: a stage runs one forward at a time.

    `padding[i]` is the number of padding tokens on the left of row i.
    """

    def __init__(self, stage: Runnable, batch: int, padding: Sequence[int], max_context: int) -> None:
        if len(padding) != batch or not all(0 <= pad < max_context for pad in padding):
            raise ValueError(f"padding must hold {batch} numbers from 0 to {max_context - 1}, not {list(padding)}")
        self._stage = stage
        self._batch = batch
        self._max_context = max_context
        self._cache = StageCache(stage.model.config, max_context)
        self._mask = (torch.arange(max_context) >= torch.tensor(padding)[:, None]).long()
        # As `generate` counts: from the first real token; padding is at position 0.
        self._positions = (self._mask.cumsum(-1) - 1).clamp_min_(0)
        parameters = signature(stage.model.forward).parameters
        self._constant: dict[str, Any] = {"past_key_values": self._cache.cache, "use_cache": True}
        self._takes_positions = "position_ids" in parameters
        self._keeps_last = "logits_to_keep" in parameters

    @property
    def length(self) -> int:
        """Tokens seen so far, padding included."""
        return self._cache.length

    @property
    def kv_bytes(self) -> int:
        """Bytes that the cache occupies now."""
        return self._cache.nbytes

    @torch.inference_mode()
    def forward(self, inputs: torch.Tensor, want: Want = "last_logits") -> torch.Tensor:
        """Run the next T tokens through the layers of this stage.

        inputs: in the first stage token ids (B, T) int64; in others what the previous stage returned.
        Returns, from the last stage, logits (B, V) of the last position ("last_logits") or (B, T, V) ("logits"); from
        others hidden states (B, T, ...) to be handed to the next stage as they are. Raises ValueError past max_context.
        """
        tokens = inputs.shape[1]
        end = self._cache.length + tokens
        if end > self._max_context or inputs.shape[0] != self._batch:
            raise ValueError(
                f"{tuple(inputs.shape)} after {self.length} tokens exceeds {self._batch} x {self._max_context}"
            )
        stage = self._stage
        kwargs = dict(self._constant, attention_mask=self._mask[:, :end])
        if self._takes_positions:
            kwargs["position_ids"] = self._positions[:, end - tokens : end]
        if self._keeps_last:
            kwargs["logits_to_keep"] = 0 if want == "logits" else 1
        if stage.is_first:
            ids = inputs
        else:
            ids = torch.zeros((self._batch, tokens), dtype=torch.int64)
            stage.cut.entering = (inputs,)
        try:
            output: torch.Tensor = stage.model(input_ids=ids, **kwargs).logits
        except Left:
            (output,) = stage.cut.leaving
        else:
            output = output if want == "logits" else output[:, -1]
        finally:
            stage.cut.entering = stage.cut.leaving = ()
        self._cache.advance(tokens)
        return output
