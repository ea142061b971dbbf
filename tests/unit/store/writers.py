"""Processes for the tests that need real ones: `writers.py doomed` and `writers.py crowd ROOT SEED`.

`doomed` reads commands, one a line: a JSON object of `do` (an operation), `root`, `kill_at` (a line or null), `after`
(seconds or null). For each it forks a child, and answers with the child's exit code and the number of lines it ran. The
child kills itself with SIGKILL at line `kill_at` of store code (of SQLAlchemy's too for the ledger), or repeats the
operation until it is killed `after` so many seconds. `crowd` is one of several writers that use a store at once.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from itertools import count
from pathlib import Path

from strata import files
from strata.store import Ledger, PartialBusy, Store

BIG = bytes(range(256)) * 4096  # 1 MiB
DIGEST = hashlib.sha256(BIG).hexdigest()
OLD, NEW = "a" * 64, "b" * 64
BLOBS = 80  # that a crowd shares


def put(root: Path, turn: int) -> None:
    Store(root).put(BIG if turn == 0 else BIG + str(turn).encode())


def set_ref(root: Path, turn: int) -> None:
    store = Store(root)
    new, need = (hashlib.sha256(data).hexdigest() for data in (b"new", b"need"))
    store.set_ref("model", "best", new if turn % 2 == 0 else hashlib.sha256(b"old").hexdigest(), [need])


def receive(root: Path, turn: int) -> None:
    data = BIG if turn == 0 else BIG + str(turn).encode()
    receive_blob(Store(root), hashlib.sha256(data).hexdigest(), data)


def receive_blob(store: Store, digest: str, data: bytes) -> None:
    with store.partial(digest, len(data)) as part:
        while part.offset < len(data):
            part.write(data[part.offset : part.offset + 200_000])
        part.commit()


def collect(root: Path, turn: int) -> None:
    Store(root).gc(0)


def move(root: Path, turn: int) -> None:
    with Ledger(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        there, back = (NEW, OLD) if turn % 2 == 0 else (OLD, NEW)
        ledger.move("champion", there, expected=back)


def write(root: Path, turn: int) -> None:
    files.write(root / "file", b"new")


OPERATIONS = {"put": put, "set_ref": set_ref, "receive": receive, "collect": collect, "move": move, "write": write}


def doomed() -> None:
    import sqlalchemy.dialects.sqlite
    import sqlalchemy.orm  # noqa: F401 - loaded here once, or every child would do it

    import strata.store.ledger  # noqa: F401

    for line in sys.stdin:
        command = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            run(command, writer)
        os.close(writer)
        if command["after"] is not None:
            os.read(reader, 1)  # the first turn has begun
            time.sleep(command["after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        lines = int(os.read(reader, 20) or b"0") if command["after"] is None else 0
        os.close(reader)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status), "lines": lines}), flush=True)


def run(command: dict, report: int) -> None:
    operation, root = OPERATIONS[command["do"]], Path(command["root"])
    if command["after"] is not None:
        os.write(report, b"!")
        for turn in count():
            operation(root, turn)
    lines = 0
    begun = command["do"] != "move"  # opening a ledger compiles SQL for thousands of lines, and changes nothing

    def trace(frame, event, argument):
        nonlocal lines, begun
        name = frame.f_code.co_filename
        begun = begun or (name.endswith("store/ledger.py") and frame.f_code.co_name == "move")
        ours = "strata/store" in name or "strata/files" in name
        if not begun or not (ours or (command["do"] == "move" and "sqlalchemy" in name)):
            return None
        lines += event == "line"
        if lines == command["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    operation(root, 0)
    sys.settrace(None)
    os.write(report, str(lines).encode())
    os._exit(0)


def shared_blob(index: int) -> bytes:
    return f"blob {index} ".encode() * 1000


def crowd(root: Path, seed: int) -> None:
    """Store, name and collect the same blobs as everybody else; a promise not kept is an exception."""
    rng = random.Random(seed)
    store = Store(root)
    sys.stdin.readline()  # all begin at once
    for index in rng.sample(range(BLOBS), BLOBS):
        data = shared_blob(index)
        digest = hashlib.sha256(data).hexdigest()
        if rng.random() < 0.5:
            assert store.put(data) == digest
        else:
            try:
                receive_blob(store, digest, data)
            except PartialBusy:
                store.put(data)
        store.set_ref(f"writer{seed}", f"blob{index}", digest)
        assert store.set_ref("shared", "latest", digest).digest == digest
        assert store.ref("shared", "latest") is not None
        if rng.random() < 0.2:
            store.gc()


if __name__ == "__main__":
    if sys.argv[1] == "doomed":
        doomed()
    else:
        crowd(Path(sys.argv[2]), int(sys.argv[3]))
