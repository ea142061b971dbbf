"""Where a plan's layers are now, and who runs on them: so that layers can move between two tokens of everybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from strata.errors import StrataError
from strata.inference.plan import Plan
from strata.inference.run.generate import Generation


class Halted(StrataError):
    """A generation stopped because its layers are to be moved; it goes on where they are then, after its last token."""

    def __init__(self) -> None:
        super().__init__("the layers are being moved")


@dataclass
class Placement:
    """The same for all generations of a plan; `moves` counts how often its layers moved.

    Whoever moves them holds `lock`. After a failure the generations have stopped by themselves; a planned move has them
    `halted`. `generations` run on the nodes now, `waiting` are those that will after the move. Whoever goes on in this
    process instead holds `here`: one has the whole model in memory at a time.
    """

    plan: Plan
    moves: int = 0
    lock: trio.Lock = field(default_factory=trio.Lock)
    here: trio.Lock = field(default_factory=trio.Lock)
    generations: list[Generation] = field(default_factory=list)
    waiting: list[Generation] = field(default_factory=list)
    halting: bool = False
    _scopes: list[trio.CancelScope] = field(default_factory=list)
    _changed: trio.Event = field(default_factory=trio.Event)

    @asynccontextmanager
    async def running(self, generation: Generation) -> AsyncIterator[None]:
        """Enter `generation` as one that runs on the nodes, as soon as no move is under way; raises Halted."""
        self.waiting.append(generation)
        try:
            while self.halting:
                await self._changed.wait()
        finally:
            self.waiting.remove(generation)
        self.generations.append(generation)
        self._notify()
        with trio.CancelScope() as scope:
            self._scopes.append(scope)
            try:
                yield
            finally:
                self._scopes.remove(scope)
                self.generations.remove(generation)
                self._notify()
        if scope.cancelled_caught:
            raise Halted

    @asynccontextmanager
    async def halted(self) -> AsyncIterator[None]:
        """Have all generations stop, and wait until they have; they go on after the block.

        A step that is under way is given up: it is computed anew with all those before it, and on a slow node, from
        which layers are moved away, the steps of many sessions take long.
        """
        self.halting = True
        try:
            for scope in self._scopes:
                scope.cancel()
            while self.generations:
                await self._changed.wait()
            yield
        finally:
            self.halting = False
            self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
