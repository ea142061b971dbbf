"""A fleet that says what it was told to say; `strata.api.fleet` is the real one."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from strata.api import FleetUnavailable, Model, NodeState, Piece, Prompt
from tests.support.planned import decided, planned

STATUS = {
    "memory_bytes": 1000,
    "weight_bytes": 600,
    "standby_bytes": 0,
    "cache_bytes": 100,
    "workspace_bytes": 50,
    "runtime_bytes": 25,
    "sessions": 2,
    "bytes_sent": 7,
    "bytes_received": 8,
    "leak": "",
}


def node(name: str, *, reachable: bool = True, **figures: Any) -> NodeState:
    """A node that says this of itself."""
    return NodeState(name, f"peer-{name}", reachable, (0, 3), STATUS | figures if reachable else {})


class ToldFleet:
    """states: of its nodes; None: it is not available. asked: the prompts that came."""

    def __init__(self, states: Sequence[NodeState] | None = (), pieces: Sequence[Piece] = ()) -> None:
        self.states = states
        self.pieces = pieces
        self.asked: list[Prompt] = []

    def models(self) -> Sequence[Model]:
        """One."""
        return [Model("tiny", datetime(2026, 11, 27, tzinfo=UTC), 64)]

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Piece]]:
        """The pieces."""
        self.asked.append(prompt)

        async def given() -> AsyncIterator[Piece]:
            for piece in self.pieces:
                yield piece

        yield given()

    async def nodes(self) -> Sequence[NodeState]:
        """The states."""
        if self.states is None:
            raise FleetUnavailable("the fleet is starting")
        return self.states

    async def plan(self) -> Mapping[str, Any]:
        """A good one."""
        return planned("tiny", 512)

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        """To stay."""
        return decided(dry_run=dry_run)

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        """Half is given back."""
        known = {each.name for each in await self.nodes()}
        return {"resident_before": 100, "resident_after": 50} if node in known else None
