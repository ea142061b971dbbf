"""Processes that use a shared store and are killed in the midst: `python -m tests.support.doomed FOLDER`.

It reads orders, one a line: a JSON object of `do` (an operation), `url` (of the store), `kill_at` (a number or null),
`after` (seconds or null). For each it forks a child, and answers with the child's exit code and how often its requests
began and ended. The child kills itself at the one of that number, or repeats the operation until it is killed `after`
so long.
"""

import hashlib
import json
import os
import signal
import sys
import threading
import time
from itertools import count
from pathlib import Path

from strata.store import SharedStore
from strata.store.remote import open_remote
from strata.store.remote.blobs import SharedBlobs

BIG = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(BIG).hexdigest()
OLD, NEW, NEED = (hashlib.sha256(data).hexdigest() for data in (b"old", b"new", b"need"))


class Doomed:
    """A `Remote` whose process ends when a request of a certain number begins or has ended."""

    def __init__(self, remote, kill_at: int | None) -> None:
        self._remote, self._kill_at = remote, kill_at
        self._lock = threading.Lock()
        self.url, self.passed = remote.url, 0

    def __getattr__(self, name: str):
        operation = getattr(self._remote, name)

        def asked(*arguments, **options):
            self._pass()
            answer = operation(*arguments, **options)
            self._pass()
            return answer

        return asked

    def _pass(self) -> None:
        with self._lock:
            self.passed += 1
            if self.passed == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def put(store: SharedStore, turn: int) -> None:
    store.put(BIG if turn == 0 else BIG + str(turn).encode())


def name(store: SharedStore, turn: int) -> None:
    store.set_ref("model", "best", NEW if turn % 2 == 0 else OLD, [NEED])


def collect(store: SharedStore, turn: int) -> None:
    store.gc(0)


def receive(store: SharedStore, turn: int) -> None:
    with store.partial(DIGEST, len(BIG)) as part:
        part.write(BIG[part.offset :])
        part.commit()


OPERATIONS = {"put": put, "name": name, "collect": collect, "receive": receive}


def main() -> None:
    import s3fs  # noqa: F401 - loaded here once, or every child would do it

    for turn, line in enumerate(sys.stdin):
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            run(order, Path(sys.argv[1]) / f"doomed{turn}", writer)
        os.close(writer)
        if order["after"] is not None:
            os.read(reader, 1)  # the first turn has begun
            time.sleep(order["after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        passed = int(os.read(reader, 20) or b"0") if order["after"] is None else 0
        os.close(reader)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "passed": passed}), flush=True)


def run(order: dict, folder: Path, report: int) -> None:
    remote = Doomed(open_remote(order["url"]), order["kill_at"])
    store, operation = SharedStore(folder, SharedBlobs(remote)), OPERATIONS[order["do"]]
    if order["after"] is not None:
        os.write(report, b"!")
        for turn in count():
            operation(store, turn)
    operation(store, 0)
    os.write(report, str(remote.passed).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
