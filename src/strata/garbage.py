"""Garbage is collected in a thread of its own: for a process whose event loop uses SQLite by way of other threads.

The collector runs in whatever thread allocates something, mostly the event loop's, and frees cursors in cycles of
references there. To free one takes the mutex of its connection (`sqlite3_reset`), and that is held for as long as
another thread waits with this connection for the database's write lock: up to 60 seconds in Prefect's server, which has
that as `busy_timeout`. Whoever has the lock waits for the event loop meanwhile, and everything stands still. With some
runs a second it took no minute until that was seen. A thread that does nothing else may wait.
"""

import gc
import threading
import time

YOUNG_SECONDS, ALL_SECONDS = 1.0, 30.0


def collect_apart(young: float = YOUNG_SECONDS, everything: float = ALL_SECONDS) -> None:
    """From now on collect what is young every so many seconds, and all of it, and nowhere else."""
    gc.disable()
    threading.Thread(target=_collect, args=(young, everything), name="garbage", daemon=True).start()


def _collect(young: float, everything: float) -> None:
    looked = time.monotonic()
    while True:
        time.sleep(young)
        thorough = time.monotonic() - looked >= everything
        gc.collect(2 if thorough else 1)
        if thorough:
            looked = time.monotonic()
