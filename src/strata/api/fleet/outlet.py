"""From a generation, which does not wait, to a reader, who may be slow."""

from collections import deque

import trio

from strata.api.ports import Piece, Recovered


class Outlet:
    """Takes what a generation has to say, and is the iterator of its pieces.

    What the reader has not taken yet is joined into one piece. So at most the answer itself is held, which the context
    bounds, and a slow reader does not keep the nodes' memory: they are done when the answer is. A generation may run in
    a thread (where the nodes are gone), so what it calls may be called in any.
    """

    def __init__(self) -> None:
        self._said: deque[str | Recovered] = deque()
        self._end: Piece | Exception | None = None
        self._is_over = False
        self._changed = trio.Event()
        self._loop = trio.lowlevel.current_trio_token()

    def on_text(self, _row: int, text: str) -> None:
        """Text has come."""
        self._say(text)

    def on_recovery(self, recovery: Recovered) -> None:
        """The answer goes on after a failure."""
        self._say(recovery)

    def end(self, last: Piece | Exception) -> None:
        """Nothing more comes: the last piece, or what went wrong, is for the reader when he has read the rest.

        Only the first end counts.
        """
        if self._end is None:
            self._end = last
        self._changed.set()

    def __aiter__(self) -> "Outlet":
        return self

    async def __anext__(self) -> Piece:
        await trio.lowlevel.checkpoint()
        while not self._said and self._end is None:
            self._changed = trio.Event()
            await self._changed.wait()
        if self._said:
            return self._next()
        if self._is_over or self._end is None:
            raise StopAsyncIteration
        self._is_over = True
        if isinstance(self._end, Exception):
            raise self._end
        return self._end

    def _say(self, said: str | Recovered) -> None:
        self._said.append(said)
        if trio.lowlevel.in_trio_run():
            self._changed.set()
        else:
            self._loop.run_sync_soon(self._wake)

    def _wake(self) -> None:
        self._changed.set()

    def _next(self) -> Piece:
        first = self._said.popleft()
        if isinstance(first, Recovered):
            return Piece("", recovery=first)
        texts = [first]
        while self._said and isinstance(self._said[0], str):
            texts.append(str(self._said.popleft()))
        return Piece("".join(texts))
