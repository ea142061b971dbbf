"""Recipes carried out by worker processes: each result typed, each failure that of one child only."""

import shutil
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count

from strata.closing import Closing
from strata.errors import StrataError
from strata.evolution.merge.memory import predict_bytes
from strata.evolution.merge.outcome import Merged, MergeFailed
from strata.evolution.merge.process import WorkerDied, WorkerLate, WorkerProcess
from strata.evolution.merge.scratch import remove_dead, scratch
from strata.evolution.models import BadModel
from strata.evolution.recipes import BadRecipe, Recipe, check_parameters
from strata.store import Store, StoreError

# Resident bytes of a worker that has imported mergekit and holds no model.
IDLE_BYTES = 480 << 20
_PARENTS = "parents"


class MergeError(StrataError):
    """No worker can be started, or the pool is closed."""


class MergePool(Closing):
    """Worker processes that carry out recipes on the models of a store. Use it as a context; safe for many threads.

    A worker imports mergekit once and keeps its parents mapped; one that dies is replaced when the next child needs it.
    No more is admitted than fits into `memory_bytes` by the predicted peaks (None: no limit); children wait, first come
    first served. `threads`: torch's in each worker; bytes depend on it (see `Engine`), so it is one unless said.
    `timeout_seconds`: of one child. Processes and temporary files go with the pool. If this process is killed, the
    workers end and remove the files; if they are killed too, the next pool on the store does.
    """

    def __init__(
        self,
        store: Store,
        workers: int = 1,
        *,
        memory_bytes: int | None = None,
        threads: int = 1,
        timeout_seconds: float | None = None,
    ) -> None:
        if workers < 1 or threads < 1:
            raise MergeError("a pool has at least one worker with at least one thread")
        self._store, self._workers, self._threads = store, workers, threads
        self._budget, self._timeout = memory_bytes, timeout_seconds
        self._turn = threading.Condition()
        self._waiting: deque[object] = deque()
        self._needs: dict[object, int] = {}  # of the children under way
        self._idle: list[WorkerProcess] = []
        self._processes: set[WorkerProcess] = set()
        self._numbers = count()
        self._closed = False
        self._stack = ExitStack()
        root = store.layout.root
        remove_dead(root)
        self._folder = self._stack.enter_context(scratch(root))

    def close(self) -> None:
        """End all workers, also in the midst of a merge, and remove all temporary files."""
        with self._turn:
            self._closed = True
            processes, idle = [*self._processes], [*self._idle]
            self._turn.notify_all()
        for process in processes:
            process.stop()
        for process in idle:
            self._retire(process)
        self._stack.close()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers."""
        with self._turn:
            return tuple(sorted(process.pid for process in self._processes))

    def merge(self, recipe: Recipe) -> Merged | MergeFailed:
        """Carry out one recipe. Raises MergeError where no worker starts, or the pool is closed."""
        try:
            check_parameters(recipe.configuration)
            need = predict_bytes(self._store, recipe)
        except BadRecipe as error:
            return MergeFailed(recipe.digest, "recipe", str(error))
        except (StoreError, BadModel) as error:
            return MergeFailed(recipe.digest, "parent", str(error))
        if self._budget is not None and IDLE_BYTES + need > self._budget:
            detail = f"it needs {IDLE_BYTES + need:,} bytes, and the pool may use {self._budget:,}"
            return MergeFailed(recipe.digest, "memory", detail)
        try:
            with self._admitted(need), self._worker() as process:
                return self._ask(process, recipe, need)
        except WorkerLate:
            late = "the worker did not start" if self._timeout is None else f"not done within {self._timeout:g} s"
            return MergeFailed(recipe.digest, "timeout", late)
        except WorkerDied as error:
            if self._closed:
                raise MergeError("the pool is closed") from error
            return MergeFailed(recipe.digest, "worker-killed", str(error))

    def merge_all(self, recipes: Iterable[Recipe]) -> Iterator[Merged | MergeFailed]:
        """Carry out all, as many at once as there are workers; results in the order of the recipes."""
        threads = ThreadPoolExecutor(self._workers, thread_name_prefix="merge")
        try:
            yield from threads.map(self.merge, recipes)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, process: WorkerProcess, recipe: Recipe, need: int) -> Merged | MergeFailed:
        engine = process.ready()
        out = f"child-{next(self._numbers)}"
        order = {
            "models": recipe.models,
            "parents": _PARENTS,
            "configuration": recipe.with_paths(lambda digest: f"{_PARENTS}/{digest}"),
            "seed": recipe.seed,
            "out": out,
            "source": None,
            "put": True,
        }
        try:
            answer = process.ask(order, self._timeout)
        finally:
            shutil.rmtree(self._folder / out, ignore_errors=True)
        if "kind" in answer:
            return MergeFailed(recipe.digest, answer["kind"], answer["detail"])
        seconds, peak = float(answer["seconds"]), int(answer["peak_bytes"])
        return Merged(recipe.digest, answer["digest"], engine, seconds, peak, process.idle_bytes + need)

    @contextmanager
    def _admitted(self, need: int) -> Iterator[None]:
        """Wait for a worker's turn, and for room for `need` bytes beyond an idle worker's."""
        place = object()
        with self._turn:
            self._waiting.append(place)
            try:
                self._turn.wait_for(lambda: self._closed or (self._waiting[0] is place and self._has_room(need)))
            finally:
                self._waiting.remove(place)
                self._turn.notify_all()
            if self._closed:
                raise MergeError("the pool is closed")
            self._needs[place] = need
        try:
            yield
        finally:
            with self._turn:
                del self._needs[place]
                self._turn.notify_all()

    def _has_room(self, need: int) -> bool:
        if len(self._needs) >= self._workers:
            return False
        return self._budget is None or IDLE_BYTES + need + self._used() <= self._budget

    def _used(self) -> int:
        return sum(IDLE_BYTES + need for need in self._needs.values())

    @contextmanager
    def _worker(self) -> Iterator[WorkerProcess]:
        """A worker, an idle one where there is one; idle ones for which there is no room now are ended."""
        with self._turn:
            process = self._idle.pop() if self._idle else None
            spare = []
            while self._idle and self._budget and self._used() + len(self._idle) * IDLE_BYTES > self._budget:
                spare.append(self._idle.pop())
        for each in spare:
            self._retire(each)
        if process is None:
            process = self._start()
        try:
            yield process
        except BaseException:
            self._retire(process)
            raise
        with self._turn:
            if not self._closed:
                self._idle.append(process)
                return
        self._retire(process)

    def _start(self) -> WorkerProcess:
        with self._turn:
            if self._closed:
                raise MergeError("the pool is closed")
            process = WorkerProcess(self._store, self._folder, self._folder, self._threads)
            self._processes.add(process)
        try:
            process.ready()
        except WorkerDied as error:
            self._retire(process)
            if error.code < 0:  # killed, and not unable to
                raise
            raise MergeError(f"no worker can be started: {error}") from error
        except BaseException:
            self._retire(process)
            raise
        return process

    def _retire(self, process: WorkerProcess) -> None:
        process.close()
        with self._turn:
            self._processes.discard(process)
