"""How a benchmark ends when it is told to: what it started ends with it, without a traceback, as a shell expects."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C and SIGTERM leave the block as a SystemExit of 128 plus the signal's number.

    They unwind it, so processes, groups and files of its `with` blocks go. SIGTERM comes as a Ctrl-C does, which trio
    raises only where its own state is whole; a handler that raises by itself would do so anywhere. A shell has what it
    starts in the background ignore Ctrl-C; within the block it counts, or SIGTERM would be ignored with it.
    """
    number = signal.SIGINT

    def terminate(_number: int, _frame: Any) -> None:
        nonlocal number
        number = signal.SIGTERM
        signal.raise_signal(signal.SIGINT)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
    }
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(128 + number) from None
    except BaseExceptionGroup as group:
        if group.subgroup(KeyboardInterrupt) is None:
            raise
        raise SystemExit(128 + number) from None
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
