"""Reading many files: here where they are few, else in a process for each core.

The processes are started anew and not forked, since whoever calls may have threads, and are no `multiprocessing` ones,
since those would import the caller's main module again. One that dies or hangs takes only one file with it.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue

import strata
from strata.migration.imports.facts import FileFacts
from strata.migration.imports.worker import read_facts
from strata.migration.project import Problem

BATCH = 64
FEW = 200  # files that one process reads before others would have started
SECONDS = 60.0  # for one batch


def read_all(root: Path, paths: Sequence[str], workers: int | None = None) -> Iterator[FileFacts]:
    """The facts of each file, in this order. workers: processes; one for each core if not given."""
    count = workers or os.cpu_count() or 1
    if count == 1 or len(paths) <= FEW:
        yield from read_facts(root, paths)
        return
    batches = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
    with ExitStack() as stack:
        pool = ThreadPoolExecutor(count)
        stack.callback(pool.shutdown, cancel_futures=True)
        idle: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(min(count, len(batches))):
            worker = _Worker(root)
            stack.callback(worker.close)
            idle.put(worker)

        def read(batch: Sequence[str]) -> list[FileFacts]:
            worker = idle.get()
            try:
                return worker.read(batch)
            finally:
                idle.put(worker)

        for found in pool.map(read, batches):
            yield from found


class _Worker:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._closed = False
        self._process = self._start()

    def read(self, paths: Sequence[str]) -> list[FileFacts]:
        rows = self._ask(paths)
        if rows is not None:
            return [FileFacts.from_json(row) for row in rows]
        self._end()
        if self._closed:
            return []
        self._process = self._start()
        if len(paths) > 1:
            return [facts for path in paths for facts in self.read([path])]
        message = "ends or hangs the interpreter that parses it, and is left alone"
        return [FileFacts(path, "", problem=Problem(path, "crash", message)) for path in paths]

    def close(self) -> None:
        self._closed = True
        self._end()

    def _ask(self, paths: Sequence[str]) -> list[list[object]] | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(SECONDS, self._process.kill)
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
            [sys.executable, "-P", "-m", "strata.migration.imports.worker"],
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
