"""A run that a worker has started ends with its worker, so that no process is left that nobody can cancel or watch.

A process worker holds the other end of the standard input of the runs that it starts, and writes nothing to it: where
it ends, the worker is gone.
"""

import os
import signal
import stat
import threading
import time

from tasks.family import RUN

GRACE_SECONDS = 30.0  # for a run to end its node processes and say so, after which it ends at once
_begun = threading.Event()


def end_with_worker() -> None:
    """Watch for the worker's end from now on, where a worker has started this process; else do nothing."""
    if _begun.is_set() or RUN not in os.environ or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    _begun.set()
    threading.Thread(target=_watch, name="end-with-worker", daemon=True).start()


def _watch() -> None:
    while os.read(0, 4096):
        pass
    # Prefect turns it into an exception in the main thread, which unwinds the run and ends what it has started.
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)
