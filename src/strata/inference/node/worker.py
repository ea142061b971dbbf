"""One thread for all tensor work of a process.

OpenMP keeps a team of threads for each thread that calls it, so work that moves between threads would multiply them.
The event loop stays free to answer while the thread computes.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import outcome
import trio

T = TypeVar("T")
_Job = tuple[Callable[[], Any], Callable[[outcome.Outcome[Any]], object]]  # what to do, whom to give its outcome


class Worker:
    """Runs functions one after the other in a thread of its own, which ends with the process or on `stop`."""

    def __init__(self, name: str = "tensors") -> None:
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Run `function(*args)` in the thread and return its result or raise its error.

        When cancelled before it begins, the function is not run; when cancelled while it runs, it is left to finish and
        its result is dropped, so what it works on must not be touched by others until a later job runs.
        """
        task, token = trio.lowlevel.current_task(), trio.lowlevel.current_trio_token()
        abandoned = False

        def job() -> Any:
            return None if abandoned else function(*args)

        def deliver(result: outcome.Outcome[Any]) -> None:
            if not abandoned:
                trio.lowlevel.reschedule(task, result)

        def done(result: outcome.Outcome[Any]) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(deliver, result)

        def abort(_: Any) -> trio.lowlevel.Abort:
            nonlocal abandoned
            abandoned = True
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.checkpoint_if_cancelled()
        self._jobs.put((job, done))
        result: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return result

    def post(self, function: Callable[[], T], done: Callable[[T], object]) -> None:
        """Have `done(function())` called in the thread, in its turn; neither may raise."""
        self._jobs.put((function, lambda result: done(result.unwrap())))

    def stop(self) -> None:
        """Have the thread end after the jobs it has, and wait until it has."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            job, done = item
            done(outcome.capture(job))
            del item, job, done  # holds no tensor while it waits
