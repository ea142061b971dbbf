"""Who may begin: generations for which the nodes have no memory wait for those that run, first come, first served."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from strata.inference.run.errors import RequestRefused

OPENING_AT_ONCE = 8  # more would keep no node busier: each opens one after the other


class Admission:
    """The generations of one coordinator on one plan. What others have running there is not known and not waited for.

    Sessions are opened side by side while there is memory: on nodes that are busy each takes a while. One that is
    refused for want of it goes to the end of a line, of which only the head tries again, and nobody comes before it:
    two that each had half of the nodes' last memory would else keep out both.
    """

    def __init__(self) -> None:
        self._running = 0
        self._opening = 0
        self._at_once = trio.Semaphore(OPENING_AT_ONCE)
        self._turn = trio.StrictFIFOLock()
        self._changed = trio.Event()

    @property
    def waiting(self) -> int:
        """Generations behind the one whose turn it is."""
        return self._turn.statistics().tasks_waiting

    @asynccontextmanager
    async def place(self, enter: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Run the block after `enter` has opened the session.

        `enter` leaves nothing open when it fails. Where it is refused for want of memory it is called again each time
        a running generation has ended, or another that was being opened was refused; while there is none of either,
        the refusal is raised, as any other error is at once.
        """
        if not await self._enter_beside(enter):
            async with self._turn:
                await self._enter_next(enter)
        try:
            yield
        finally:
            self._running -= 1
            self._notify()

    async def _enter_beside(self, enter: Callable[[], Awaitable[None]]) -> bool:
        """Open the session unless somebody is in line; False where there was no memory."""
        async with self._at_once:
            if self._turn.locked():
                return False
            self._opening += 1
            try:
                await enter()
            except RequestRefused as error:
                if error.code != "memory":
                    raise
                return False
            else:
                self._running += 1
                return True
            finally:
                self._opening -= 1
                self._notify()

    async def _enter_next(self, enter: Callable[[], Awaitable[None]]) -> None:
        while True:
            changed, alone = self._changed, not (self._running or self._opening)
            try:
                await enter()
            except RequestRefused as error:
                if error.code != "memory" or alone:
                    raise
            else:
                self._running += 1
                return
            await changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
