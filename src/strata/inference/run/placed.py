"""Where a plan's layers are now, and who runs on them: so that layers can move between two tokens of everybody."""

from collections.abc import AsyncIterator, Mapping, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from strata.errors import StrataError
from strata.inference.plan import Layers, Plan
from strata.inference.run.generate import Generation


class Halted(StrataError):
    """A generation stopped between two tokens because its layers are to be moved; it goes on where they are then."""

    def __init__(self) -> None:
        super().__init__("the layers are being moved")


@dataclass
class Placement:
    """The same for all generations of a plan; `moves` counts how often its layers moved.

    Whoever moves them holds `lock`. After a failure the generations have stopped by themselves; a planned move has them
    `halted`. `generations` run on the nodes now, `waiting` are those that will after the move. `standbys` says of idle
    nodes which stages they have in memory, in case.
    """

    plan: Plan
    moves: int = 0
    lock: trio.Lock = field(default_factory=trio.Lock)
    generations: list[Generation] = field(default_factory=list)
    waiting: list[Generation] = field(default_factory=list)
    standbys: Mapping[str, Set[Layers]] = field(default_factory=dict)
    halting: bool = False
    _changed: trio.Event = field(default_factory=trio.Event)

    @asynccontextmanager
    async def running(self, generation: Generation) -> AsyncIterator[None]:
        """Enter `generation` as one that runs on the nodes, as soon as no move is under way."""
        self.waiting.append(generation)
        try:
            while self.halting:
                await self._changed.wait()
        finally:
            self.waiting.remove(generation)
        self.generations.append(generation)
        self._notify()
        try:
            yield
        finally:
            self.generations.remove(generation)
            self._notify()

    @asynccontextmanager
    async def halted(self) -> AsyncIterator[None]:
        """Have all generations stop between two tokens, and wait until they have; they go on after the block."""
        self.halting = True
        try:
            while self.generations:
                await self._changed.wait()
            yield
        finally:
            self.halting = False
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
