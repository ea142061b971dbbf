"""All processes of a flow run: its own, and those that it has started, which inherit the run's name from it.

Most end with the run's process by themselves, as nodes do; the workers of a process pool, when that is killed, do not.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress

import psutil

RUN = "PREFECT__FLOW_RUN_ID"  # which Prefect puts into the environment of a run that a worker starts


def end_family(runs: Iterable[str], patience: float) -> None:
    """Have all processes of these runs on this machine end, this one left out: by themselves within so many seconds,
    or else by force.
    """
    _, alive = psutil.wait_procs(list(family(runs)), timeout=patience)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=5.0)


def family(runs: Iterable[str]) -> Iterator[psutil.Process]:
    """The processes of these runs, but for this one and those that it comes from."""
    wanted = frozenset(runs)
    if not wanted:
        return
    here = psutil.Process()
    mine = {here.pid, *(each.pid for each in here.parents())}
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # gone since, or another user's
            if process.pid not in mine and process.environ().get(RUN) in wanted:
                yield process
