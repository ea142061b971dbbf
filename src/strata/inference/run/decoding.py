"""The decode loop without its engine: rows of tokens, left padding, stop tokens, limits. No tensors, no waiting.

decoding = Decoding(prompts, ...)
inputs = decoding.first_inputs
while inputs:
    inputs = decoding.accept(<the tokens that follow `inputs`>)

`inputs_so_far` is all that was ever fed: what is lost with a KV cache comes back by feeding it again.
"""

from collections.abc import Callable, Sequence

from strata.inference.run.errors import ContextExceeded


class Decoding:
    """One generation of a batch. `outputs[i]` are row i's new tokens, its stop token included.

    on_token(row, token) is called for each new token of a row that had not finished.
    """

    def __init__(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_new_tokens: int,
        context: int,
        stop: frozenset[int] = frozenset(),
        pad: int = 0,
        on_token: Callable[[int, int], None] | None = None,
    ) -> None:
        if not prompts or not all(prompts):
            raise ContextExceeded("a prompt has no tokens")
        longest = max(map(len, prompts))
        if longest >= context:
            raise ContextExceeded(f"the longest prompt has {longest} tokens, the context {context}: no room to answer")
        self.padding = tuple(longest - len(prompt) for prompt in prompts)
        self.first_inputs = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        self.outputs: list[list[int]] = [[] for _ in prompts]
        # The last token is never fed back, so a context of prompt + n holds n + 1 new tokens; n are promised.
        self._steps = min(max_new_tokens, context - longest)
        self._stop = stop
        self._pad = pad
        self._on_token = on_token
        self._finished = [False] * len(prompts)
        self._fed = [list(row) for row in self.first_inputs]

    @property
    def batch(self) -> int:
        """Rows."""
        return len(self.outputs)

    @property
    def accepted(self) -> int:
        """Steps whose tokens are known."""
        return len(self._fed[0]) - len(self.first_inputs[0])

    @property
    def fed(self) -> int:
        """Tokens of a row that are fed in all steps, those of the next one included."""
        return len(self._fed[0])

    @property
    def remaining(self) -> int:
        """Tokens of a row that may still come."""
        return max(0, self._steps)

    @property
    def inputs_so_far(self) -> list[list[int]]:
        """(B, T) tokens fed in all steps, those of the next one included; nothing when all is done."""
        return [] if self._is_over else [list(row) for row in self._fed]

    @property
    def finished(self) -> list[bool]:
        """Which rows ended before they were as long as they may be."""
        return list(self._finished)

    def finish(self, row: int) -> None:
        """End a row after its last token, though that is none to stop at; `on_token` may call it."""
        self._finished[row] = True

    @property
    def _is_over(self) -> bool:
        return self._steps <= 0 or all(self._finished)

    def restore(self, outputs: Sequence[Sequence[int]]) -> None:
        """Accept the tokens that an earlier decoding of the same prompts had put out, row by row."""
        for step in range(max(map(len, outputs), default=0)):
            if not self._is_over:
                self.accept([row[step] if step < len(row) else self._pad for row in outputs])

    def accept(self, tokens: Sequence[int]) -> list[list[int]]:
        """Take the next token of each row; returns what to feed next, (B, 1), or nothing when all is done.

        Rows that have finished are fed padding until the others have.
        """
        self._steps -= 1
        for row, token in enumerate(tokens):
            if self._finished[row]:
                continue
            self.outputs[row].append(token)
            self._finished[row] = token in self._stop
            if self._on_token is not None:
                self._on_token(row, token)
        following = [self._pad if done else token for token, done in zip(tokens, self._finished, strict=True)]
        for fed, token in zip(self._fed, following, strict=True):
            fed.append(token)
        return [] if self._is_over else [[token] for token in following]
