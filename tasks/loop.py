"""trio within a flow, beside the main thread, in which signals arrive.

Prefect ends a run by exceptions out of the handlers of SIGTERM (a cancellation) and SIGALRM (a timeout). Raised in the
midst of trio's own lines they leave a broken loop, of which nothing is unwound. So the loop runs in another thread, and
the main one waits: what is raised there cancels the loop, which then ends as a cancelled one does.
"""

import contextvars
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import trio

T = TypeVar("T")

UNWIND_SECONDS = 20.0  # for what is cancelled to end; the rest ends with the process


def run(main: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """`trio.run`. What ends the run from outside meanwhile is raised as it is, when the loop has ended."""
    if threading.current_thread() is not threading.main_thread():
        return trio.run(main, *arguments)
    beside = _Beside(lambda: main(*arguments))
    thread = threading.Thread(target=contextvars.copy_context().run, args=(beside.work,), name="trio", daemon=True)
    try:
        thread.start()
        beside.running.acquire()
    except BaseException:
        beside.cancel()
        if thread.is_alive():
            beside.running.acquire(timeout=UNWIND_SECONDS)
        raise
    result: T = beside.result()
    return result


class _Beside:
    """A loop in a thread of its own, and what it came to."""

    def __init__(self, main: Callable[[], Awaitable[Any]]) -> None:
        self._main = main
        self._ended = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._scope = trio.CancelScope()
        self._value: Any = None
        self._error: BaseException | None = None
        # Held until the loop has ended. An exception in the midst of an event's lines would leave that broken.
        self.running = threading.Lock()
        self.running.acquire()

    def work(self) -> None:
        """Run it to its end, whatever that is."""
        try:
            trio.run(self._cancellable)
        except BaseException as error:
            self._error = error
        finally:
            self.running.release()

    def cancel(self) -> None:
        """From the other thread: end it."""
        self._ended.set()
        if self._token is not None:
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._scope.cancel)

    def result(self) -> Any:
        """What it returned, or raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._value

    async def _cancellable(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        if self._ended.is_set():  # before there was a loop to tell it to
            return
        with self._scope:
            self._value = await self._main()
