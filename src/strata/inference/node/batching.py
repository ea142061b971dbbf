"""Computing what sessions wait for, as the scheduler says, in the node's one thread.

What goes together is decided in that thread when it becomes free, so all that has come in by then is considered, and
the thread goes from one batch to the next without waiting for the event loop.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import outcome
import torch
import trio

from strata.inference.decoder.session import StageSession, Want
from strata.inference.decoder.together import forward_together
from strata.inference.node.scheduler import Scheduler
from strata.inference.node.worker import Worker

T = TypeVar("T")


@dataclass(eq=False)
class _Work:
    session: StageSession
    inputs: torch.Tensor
    finish: Callable[[torch.Tensor], Any]
    want: Want
    more: bool
    since: float
    waited: float = 0.0
    busy: float = 0.0
    result: outcome.Outcome[Any] | None = None
    done: trio.Event = field(default_factory=trio.Event)


class Batcher:
    """Runs the steps of a node's sessions in its worker.

    threads_alone: for the steps of a session that is the only one; None leaves torch's number. Nodes that share a
    machine's cores are better off with their share of them each while several are at work. But of one session's steps
    there is one at a time on all of them, and it may have all cores; not so the slices of a prompt.
    """

    def __init__(self, worker: Worker, threads_alone: int | None = None) -> None:
        self._worker = worker
        self._threads = torch.get_num_threads()
        self._threads_alone = threads_alone or self._threads
        self._scheduler: Scheduler[_Work] = Scheduler()
        self._lock = threading.Condition()

    @contextmanager
    def session(self, name: str, stages: int) -> Iterator[None]:
        """A session is open, over so many stages, while the block runs."""
        with self._lock:
            self._scheduler.join(name, stages)
        try:
            yield
        finally:
            with self._lock:
                self._scheduler.leave(name)

    async def compute(
        self,
        name: str,
        session: StageSession,
        inputs: torch.Tensor,
        finish: Callable[[torch.Tensor], T],
        *,
        want: Want = "last_logits",
        more: bool = False,
        note: Callable[[float, float], None] | None = None,
    ) -> T:
        """`finish` of the session's forward, both called in the thread; raises what they raise.

        want: of a slice, as `StageSession.forward` has it; of a step there is one position only. more: slices follow
        that other stages compute at the same time.
        note: is told how many seconds it waited to be computed, and for how many its batch was.

        When cancelled before it begins, it is not computed; when cancelled later, its result is dropped, and the
        session is of no use any more.
        """
        work = _Work(session, inputs, finish, want, more, time.monotonic())
        token = trio.lowlevel.current_trio_token()

        def done(taken: list[_Work]) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(_wake, taken)

        with self._lock:
            rows, tokens = inputs.shape[:2]
            self._scheduler.add(name, work, tokens=tokens, rows=rows, now=work.since)
            self._lock.notify()
        self._worker.post(self._next, done)
        await work.done.wait()
        if note is not None:
            note(work.waited, work.busy)
        assert work.result is not None
        result: T = work.result.unwrap()
        return result

    def _next(self) -> list[_Work]:
        with self._lock:
            while (seconds := self._scheduler.patience(time.monotonic())) > 0:
                self._lock.wait(seconds)
            taken, alone = self._scheduler.take(), self._scheduler.sessions == 1
        is_step = bool(taken) and taken[0].inputs.shape[1] == 1
        self._use(self._threads_alone if alone and all(map(_gains_by_threads, taken)) else self._threads)
        started = time.monotonic()
        if len(taken) == 1:
            outputs: list[outcome.Outcome[torch.Tensor]] = [
                outcome.capture(taken[0].session.forward, taken[0].inputs, taken[0].want)
            ]
        else:
            outputs = forward_together([work.session for work in taken], [work.inputs for work in taken])
        for work, output in zip(taken, outputs, strict=True):
            work.result = outcome.capture(_finish, work, output)
        seconds = time.monotonic() - started
        for work in taken:
            work.waited, work.busy = started - work.since, seconds
        if is_step:
            with self._lock:
                self._scheduler.computed(seconds)
        return taken

    def _use(self, threads: int) -> None:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


def _gains_by_threads(work: _Work) -> bool:
    """Whether more threads are quicker: not of slices that other stages compute too, nor in float32, where a token by
    two threads took as long as by one (four nodes on two cores).
    """
    return not work.more and work.session.stage.model.dtype.itemsize < 4


def _finish(work: _Work, output: outcome.Outcome[torch.Tensor]) -> Any:
    with torch.inference_mode():
        return work.finish(output.unwrap())


def _wake(taken: list[_Work]) -> None:
    for work in taken:
        work.done.set()
