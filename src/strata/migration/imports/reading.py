"""Reading many files: here where they are few, else in a process for each core.

The processes are started anew and not forked, since whoever calls may have threads, and are no `multiprocessing` ones,
since those would import the caller's main module again. One that dies or hangs takes only one file with it.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import strata
from strata.migration.imports.facts import FileFacts
from strata.migration.imports.worker import read_facts
from strata.migration.project import Problem

BATCH = 64
FEW = 200  # files that one process reads before others would have started
SECONDS = 60.0  # for one batch
_STARTING = 60.0


T = TypeVar("T")


@dataclass(frozen=True)
class Reader(Generic[T]):
    """What is read of files.

    read: does it here. module: does it in another process, where `imports.worker.serve` answers with rows.
    from_json: what a row says. lost: stands for a file that ends or hangs the interpreter.
    """

    read: Callable[[Path, Iterable[str]], Iterable[T]]
    module: str
    from_json: Callable[[list[Any]], T]
    lost: Callable[[str], T]


def _crashed(path: str) -> FileFacts:
    message = "ends or hangs the interpreter that parses it, and is left alone"
    return FileFacts(path, "", problem=Problem(path, "crash", message))


_FACTS = Reader(read_facts, "strata.migration.imports.worker", FileFacts.from_json, _crashed)


def read_all(root: Path, paths: Sequence[str], workers: int | None = None) -> Iterator[FileFacts]:
    """The facts of each file, in this order. workers: processes; one for each core if not given."""
    return read_with(_FACTS, root, paths, workers)


def read_with(reader: Reader[T], root: Path, paths: Sequence[str], workers: int | None = None) -> Iterator[T]:
    """What the reader finds in each file, in this order."""
    count = workers or os.cpu_count() or 1
    if count == 1 or len(paths) <= FEW:
        yield from reader.read(root, paths)
        return
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(count)
        stack.callback(pool.shutdown, cancel_futures=True)
        idle: SimpleQueue[_Worker[T]] = SimpleQueue()
        for _ in range(min(count, len(batches))):
            worker = _Worker(reader, root)
            stack.callback(worker.close)
            idle.put(worker)

        def read(batch: Sequence[str]) -> list[T]:
            worker = idle.get()
            try:
                return worker.read(batch)
            finally:
                idle.put(worker)

        for found in pool.map(read, batches):
            yield from found


class _Worker(Generic[T]):
    def __init__(self, reader: Reader[T], root: Path) -> None:
        self._reader = reader
        self._root = root
        self._closed = False
        self._process = self._start()

    def read(self, paths: Sequence[str]) -> list[T]:
        rows = self._ask(paths, SECONDS)
        if rows is not None:
            return [self._reader.from_json(row) for row in rows]
        self._end()
        if self._closed:
            return []
        self._process = self._start()
        if self._ask([], _STARTING) is None and not self._closed:
            raise RuntimeError(
                f"{sys.executable} -m {self._reader.module} does not run, so no file can be read with it"
            )
        if len(paths) > 1:
            return [found for path in paths for found in self.read([path])]
        return [self._reader.lost(path) for path in paths]

    def close(self) -> None:
        self._closed = True
        self._end()

    def _ask(self, paths: Sequence[str], seconds: float) -> list[list[Any]] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            self._process.stdin.write(json.dumps([str(self._root), list(paths)]).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            return json.loads(answer) if answer.endswith(b"\n") else None
        except (OSError, ValueError):
            return None  # it is gone
        finally:
            timer.cancel()

    def _start(self) -> "subprocess.Popen[bytes]":
        here = str(Path(strata.__file__).parent.parent)
        path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
        return subprocess.Popen(
            # -P: nothing in the working directory, which may be the project's, is imported
            [sys.executable, "-P", "-m", self._reader.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for whoever started it
        )

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
