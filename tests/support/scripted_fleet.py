"""A fleet without nodes: a word is a token, and the next one follows from those before it. It keeps the port's contract
(`tests/unit/api/chat/test_fleet_contract.py`), and can be held up, fail, or lose a node.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import trio

from strata.api import FleetUnavailable, Model, NodeState, Piece, Prompt, Recovered
from strata.errors import StrataError
from strata.inference.run.stopping import StopTexts
from tests.support.planned import decided, planned

NAME = "tiny"
CONTEXT = 64


class ScriptedFleet:
    """down: why it does not answer. After the first word of an answer it waits for `held`, then tells of `recovery`,
    then raises `failure`, where there are any. running: answers that are given now; prompts: all that was asked.
    """

    def __init__(self) -> None:
        self.down = ""
        self.held: trio.Event | None = None
        self.recovery: Recovered | None = None
        self.failure: Exception | None = None
        self.running = 0
        self.prompts: list[Prompt] = []

    def models(self) -> Sequence[Model]:
        return [] if self.down else [Model(NAME, datetime(2026, 1, 1, tzinfo=UTC), CONTEXT)]

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Piece]]:
        self._up()
        words = (prompt.text or " ".join(turn.content for turn in prompt.turns)).split()
        if prompt.model != NAME or not 0 < len(words) < CONTEXT:
            raise StrataError(f"{len(words)} words to {prompt.model!r} are not answered")
        self.prompts.append(prompt)
        self.running += 1
        try:
            yield _Pieces(self, prompt, words)
        finally:
            self.running -= 1

    async def nodes(self) -> Sequence[NodeState]:
        self._up()
        figures = {"sessions": self.running, "memory_bytes": 1 << 20}
        return [NodeState("a", "peer-a", True, (0, 2), figures), NodeState("b", "peer-b", True, (3, 4), figures)]

    async def plan(self) -> Mapping[str, Any]:
        self._up()
        return planned(NAME, CONTEXT)

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        self._up()
        return decided(dry_run=dry_run)

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        self._up()
        return {"before": 2, "after": 1} if node in ("a", "b") else None

    def _up(self) -> None:
        if self.down:
            raise FleetUnavailable(self.down)


class _Pieces:
    def __init__(self, fleet: ScriptedFleet, prompt: Prompt, words: list[str]) -> None:
        self._fleet, self._prompt, self._words = fleet, prompt, words
        self._most = min(prompt.max_new_tokens, CONTEXT - len(words))
        self._said: list[str] = []
        self._stopping, self._is_over = StopTexts(prompt.stop), False
        self._recovery = fleet.recovery

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> Piece:
        await trio.lowlevel.checkpoint()
        if self._is_over:
            raise StopAsyncIteration
        if self._said:
            if self._fleet.held is not None:
                await self._fleet.held.wait()
            if self._recovery is not None:
                recovery, self._recovery = self._recovery, None
                return Piece("", recovery=recovery)
            if self._fleet.failure is not None:
                raise self._fleet.failure
        word = next_word([*self._words, *self._said], self._prompt)
        shown = self._stopping.push(f" {word}" if self._said else word)
        self._said.append(word)
        self._is_over = self._stopping.hit or len(self._said) == self._most
        if not self._is_over:
            return Piece(shown)
        finish = "stop" if self._stopping.hit else "length"
        text = shown + self._stopping.finish()
        return Piece(text, finish, len(self._words), len(self._said), figures={"seconds": 0.0})


def next_word(words: Sequence[str], prompt: Prompt) -> str:
    drawn = prompt.seed if prompt.temperature else 0
    return f"word{hashlib.sha256(f'{drawn} {words}'.encode()).digest()[0]}"
