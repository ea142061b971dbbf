"""A fleet behind the port, as a model of nodes; long work is `deployments.local_work`, which is real."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from strata.api import FleetUnavailable, Model, NodeState, Piece, Prompt
from tests.support.planned import decided, planned


class FakeFleet:
    """Answers with the words of the prompt, one piece each. `down`: raise FleetUnavailable with these words."""

    def __init__(self) -> None:
        self.down = ""
        self.moved: list[bool] = []

    def models(self) -> Sequence[Model]:
        return [Model("tiny", datetime(2026, 1, 1, tzinfo=UTC), 512)]

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Piece]]:
        self._up()

        async def pieces() -> AsyncIterator[Piece]:
            words = prompt.text.split() or [turn.content for turn in prompt.turns] or [prompt.text]
            for word in words[:-1]:
                yield Piece(word)
            yield Piece(words[-1], "stop", len(words), len(words))

        yield pieces()

    async def nodes(self) -> Sequence[NodeState]:
        self._up()
        return [
            NodeState("n1", "12D3KooWa", True, (0, 4), {"used": 10}),
            NodeState("n2", "12D3KooWb", False, None),
        ]

    async def plan(self) -> Mapping[str, Any]:
        self._up()
        return planned("tiny", 512)

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        self._up()
        self.moved.append(not dry_run)
        return decided(dry_run=dry_run)

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        self._up()
        return {"before": 10, "after": 5} if node == "n1" else None

    def _up(self) -> None:
        if self.down:
            raise FleetUnavailable(self.down)
