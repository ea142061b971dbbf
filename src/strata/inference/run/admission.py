"""Who may begin: generations for which the nodes have no memory wait for those that run, first come, first served."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from strata.inference.run.errors import RequestRefused


class Admission:
    """The generations of one coordinator on one plan. What others have running there is not known and not waited for.

    Sessions are opened one after the other: two that each had half of the nodes' last memory would keep out both.
    """

    def __init__(self) -> None:
        self._running = 0
        self._turn = trio.StrictFIFOLock()
        self._ended = trio.Event()

    @property
    def waiting(self) -> int:
        """Generations behind the one whose turn it is."""
        return self._turn.statistics().tasks_waiting

    @asynccontextmanager
    async def place(self, enter: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
        """Run the block after `enter` has opened the session.

        `enter` leaves nothing open when it fails. Where it is refused for want of memory it is called again each time
        a running generation has ended; while none runs, the refusal is raised, as any other error is at once.
        """
        async with self._turn:
            while True:
                ended = self._ended
                try:
                    await enter()
                    break
                except RequestRefused as error:
                    if error.code != "memory" or not self._running:
                        raise
                await ended.wait()
            self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            self._ended.set()
            self._ended = trio.Event()
