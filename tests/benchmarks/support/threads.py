"""Work that keeps a processor busy, beside a loop that must not wait for it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")


async def in_thread(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` on a loop in a thread of its own; where this is cancelled that one is too, and not waited for."""
    scope = trio.CancelScope()
    tokens: list[trio.lowlevel.TrioToken] = []

    async def main() -> T | None:
        tokens.append(trio.lowlevel.current_trio_token())
        with scope:
            return await work()
        return None

    try:
        return await trio.to_thread.run_sync(trio.run, main, abandon_on_cancel=True)
    except trio.Cancelled:
        try:
            for token in tokens:
                token.run_sync_soon(scope.cancel)
        except trio.RunFinishedError:
            pass
        raise
