"""What evaluation asks of a model."""

from collections.abc import Sequence
from typing import Protocol

from strata.errors import StrataError


class ScoringFailed(StrataError):
    """A model that gives no usable answer: it cannot be loaded, or its numbers are not finite."""


class Scorer(Protocol):
    """A language model: in this process, or spread over several machines."""

    def log_likelihoods(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """For each prompt and each of its continuations the sum of the log-probabilities of its tokens, in nats.

        A continuation is tokenised by itself and follows the prompt's tokens. Raises ScoringFailed.
        """
        ...

    def generate(self, prompts: Sequence[str], stops: Sequence[str], most_tokens: int) -> list[str]:
        """What the model writes after each prompt by greedy decoding, up to the prompt's stop text and without it.

        An empty stop is none; the end of the sequence ends every answer. Raises ScoringFailed.
        """
        ...
