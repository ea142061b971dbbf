"""A worker's process: `python -m strata.evolution.merge.worker STORE SCRATCH THREADS`.

It reads an order a line from stdin, as JSON, and answers each with a line on stdout. When stdin ends it removes the
folder SCRATCH and ends too, also in the midst of a merge: a worker never outlives who ordered. STORE is a cache where
STRATA_STORE_URL names a store that machines share.
"""

import fcntl
import json
import os
import queue
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from strata.evolution.models import BadModel, check_out, put_model
from strata.files import make_folder, try_lock
from strata.store import BlobCorrupt, BlobMissing, Store, store_at


def main() -> None:
    """Say hello, then answer orders."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who ordered decides
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    root, scratch, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    store = store_at(root, os.environ.get("STRATA_STORE_URL"))
    threading.Thread(target=_read, args=(orders, scratch), daemon=True).start()
    engine = _start(threads)
    _say(answers, hello=engine, peak_bytes=_peak())
    while True:
        _say(answers, **_answer(store, json.loads(orders.get())))


def _read(orders: "queue.SimpleQueue[str]", scratch: Path) -> None:
    for line in sys.stdin:
        orders.put(line)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)


def _start(threads: int) -> dict[str, Any]:
    """Import mergekit; what its results depend on. threads: 0 leaves the number to torch."""
    from importlib.metadata import version

    import torch

    if threads:
        torch.set_num_threads(threads)
    from strata.evolution.merge.engine import prepare

    prepare()
    return {
        "mergekit": version("mergekit"),
        "torch": str(torch.__version__),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def _answer(store: Store, order: dict[str, Any]) -> dict[str, Any]:
    from strata.evolution.merge.engine import Order, let_go, merge

    begun = time.perf_counter()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    try:
        parents = {digest: Path(order["parents"]) / digest for digest in order["models"]}
        let_go([str(folder) for folder in parents.values()])
        _check_out(store, parents)
        merge(Order(order["configuration"], order["seed"], order["out"], order["source"]))
        digest = put_model(store, Path(order["out"])).digest if order["put"] else None
    except Exception as error:
        return {"kind": _kind(error), "detail": _detail(error)}
    finally:
        if order["put"]:
            shutil.rmtree(order["out"], ignore_errors=True)
    return {"digest": digest, "seconds": time.perf_counter() - begun, "peak_bytes": _peak()}


def _check_out(store: Store, parents: Mapping[str, Path]) -> None:
    """Have all parents in their folders. Workers of a pool share these: what one is busy with, another takes last."""
    waiting = dict(parents)
    for patient in (False, True):
        for digest, folder in list(waiting.items()):
            make_folder(folder.parent)
            descriptor = os.open(folder.with_name(f".{digest}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                if patient:
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                elif not try_lock(descriptor):
                    continue
                check_out(store, digest, folder)
                del waiting[digest]
            finally:
                os.close(descriptor)


def _kind(error: Exception) -> str:
    """What sort of failure an exception of mergekit, torch, safetensors or the store is."""
    if isinstance(error, BlobMissing | BlobCorrupt | BadModel):
        return "parent"
    if isinstance(error, MemoryError):
        return "memory"
    name, text = type(error).__name__, str(error)
    for kind, names, parts in _SORTS:
        if name in names and any(part in text for part in parts):
            return kind
    return "fault"


_SORTS = (
    ("not-finite", {"NotFinite"}, ("",)),
    ("tokenizers", {"TokenizersDiffer"}, ("",)),
    ("disk-full", {"OSError", "SafetensorError"}, ("No space left", "Disk quota exceeded", "File too large")),
    ("parent", {"SafetensorError", "JSONDecodeError", "FileNotFoundError", "RepositoryNotFoundError"}, ("",)),
    ("parent", {"RuntimeError"}, ("required but not present", "Unable to find model files")),
    ("parent", {"OSError", "HFValidationError", "LocalEntryNotFoundError", "OfflineModeIsEnabled"}, ("",)),
    ("shapes", {"ValueError", "RuntimeError"}, ("size mismatch", "dimensions must match", "differs between inputs")),
    ("shapes", {"RuntimeError"}, ("same number of layers", "different architectures", "must match the size")),
    ("memory", {"RuntimeError"}, ("can't allocate memory", "not enough memory")),
    ("recipe", {"RuntimeError", "ValueError", "ValidationError", "TypeError", "KeyError"}, ("",)),
)


def _detail(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return f"{' '.join(str(error).split())[:1000] or type(error).__name__} ({type(error).__name__} at {place})"


def _say(answers: TextIO, **fields: Any) -> None:
    answers.write(json.dumps(fields) + "\n")


def _peak() -> int:
    """Most resident bytes of this process since the peak was last reset."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) << 10


if __name__ == "__main__":
    main()
