"""Choosing the next token from logits: greedy, or drawn with temperature, top-k and top-p.

The filters and their order are those of transformers' logits warpers (temperature, then top-k, then top-p), so the
distribution drawn from is the same. Each row of a batch has its own random stream, made from the seed and the row's
prompt number: a row's tokens depend neither on the rest of the batch nor on the machine that draws them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import torch


@dataclass(frozen=True)
class SamplingParams:
    """How to choose. `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 filter nothing.

    row: number of the first row's random stream. Of several prompts that are answered apart each has its own, so they
    draw what one batch of them would.
    """

    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    row: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < inf:
            raise ValueError(f"temperature must be 0 or more, not {self.temperature}")
        if self.top_k < 0:
            raise ValueError(f"top_k must be 0 (off) or more, not {self.top_k}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, not {self.top_p}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be from 0 to 2^63 - 1, not {self.seed}")
        if not 0 <= self.row < 2**32:
            raise ValueError(f"row must be from 0 to 2^32 - 1, not {self.row}")


def filtered_logits(logits: torch.Tensor, params: SamplingParams) -> torch.Tensor:
    """Logits (B, V) scaled by the temperature, with -inf where top-k or top-p exclude a token."""
    if params.temperature > 0:
        logits = logits / params.temperature
    if 0 < params.top_k < logits.shape[-1]:
        # The k-th largest value is the threshold: tokens equal to it stay, as in transformers.
        threshold = logits.topk(params.top_k).values[..., -1:]
        logits = logits.masked_fill(logits < threshold, -inf)
    if params.top_p < 1:
        ascending, order = logits.sort(descending=False)
        mass = ascending.softmax(-1).cumsum(-1)
        drop = mass <= 1 - params.top_p
        drop[..., -1:] = False  # the likeliest token always stays
        logits = logits.masked_fill(drop.scatter(-1, order, drop), -inf)
    return logits


class Sampler:
    """Chooses one token a row a step; `rows` numbers the rows' random streams (from `params.row` on by default).

    drawn: tokens of each row that were chosen before; the streams go on after them.
    """

    def __init__(self, params: SamplingParams, batch: int, rows: Sequence[int] | None = None, drawn: int = 0) -> None:
        self.params = params
        numbers = range(params.row, params.row + batch) if rows is None else rows
        if len(numbers) != batch:
            raise ValueError(f"{len(numbers)} row numbers for a batch of {batch}")
        # Philox is counter-based and specified bit by bit, so it gives the same numbers on every machine.
        self._streams = [np.random.Generator(np.random.Philox(key=[params.seed, row])) for row in numbers]
        for stream in self._streams if params.temperature > 0 else ():
            stream.random(drawn)

    def next(self, logits: torch.Tensor) -> torch.Tensor:
        """Token ids (B,) int64 for logits (B, V); advances each row's stream by one draw unless greedy."""
        if self.params.temperature == 0:
            return logits.argmax(-1)
        # float64, summed in order by numpy: the same however many cores the machine has.
        mass = filtered_logits(logits.float(), self.params).double().softmax(-1).numpy().cumsum(-1)
        points = [stream.random() * row[-1] for stream, row in zip(self._streams, mass, strict=True)]
        drawn = [int(np.searchsorted(row, point, side="right")) for row, point in zip(mass, points, strict=True)]
        return torch.tensor(drawn, dtype=torch.int64)

    def verify(self, logits: torch.Tensor, drafts: Sequence[int]) -> list[int]:
        """The tokens after the positions of (1 + k, V) logits of one row, of which all but the first had been guessed.

        Position i + 1 was computed with `drafts[i]` in place of the token after position i. So tokens are chosen in
        order up to the first that is not its draft: 1 to 1 + k of them, the same as without drafts, and the row's
        stream is where it would be after them. (Leviathan et al. 2023, https://arxiv.org/abs/2211.17192, with a draft
        that is certain; as the draw at a position is fixed beforehand, so is the token, not its distribution alone.)
        """
        if logits.shape[0] != len(drafts) + 1:
            raise ValueError(f"{len(drafts)} drafts want as many positions and one, not {logits.shape[0]}")
        tokens: list[int] = []
        for position, draft in zip(logits, (*drafts, None), strict=True):
            tokens.append(int(self.next(position[None])))
            if tokens[-1] != draft:
                break
        return tokens
