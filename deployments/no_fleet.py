"""A fleet of no nodes, where none was named: it has no model, and says why."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from strata.api import FleetUnavailable, Model, NodeState, Piece, Prompt


class NoFleet:
    """A `Fleet` that cannot answer."""

    def __init__(self, why: str) -> None:
        self._why = why

    def models(self) -> Sequence[Model]:
        """None."""
        return ()

    def answer(self, prompt: Prompt) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        """Raises FleetUnavailable, as the rest does."""
        self._refuse()

    async def nodes(self) -> Sequence[NodeState]:
        """Nobody can be asked."""
        self._refuse()

    async def plan(self) -> Mapping[str, Any]:
        """Nothing can be measured."""
        self._refuse()

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        """Nothing can be moved."""
        self._refuse()

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        """Nothing is held."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise FleetUnavailable(self._why)
