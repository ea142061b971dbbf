"""What becomes of runs under way when serving ends: they are given time, and are cancelled then."""

import time
from collections.abc import Callable

from deployments.prefect_api import PrefectApi, ServerSilent

CANCEL_SECONDS = 45.0  # a worker gives a run that is cancelled 30 s before it ends it by force
POLL_SECONDS = 0.5


def finish_runs(
    api: PrefectApi,
    pool: str,
    worker: str,
    grace: float,
    *,
    say: Callable[[str], None],
    hurried: Callable[[], bool],
) -> None:
    """Wait so many seconds for the worker's runs to end, then cancel those that have not; less when `hurried`."""
    try:
        if not _wait(api, pool, worker, grace, hurried):
            left = [run for run in api.under_way(pool) if run.worker == worker]
            say(f"cancelling {', '.join(run.name for run in left)}")
            for run in left:
                if run.state != "CANCELLING":
                    api.set_state(run.id, "CANCELLING", "Strata is being stopped.", force=False)
            _wait(api, pool, worker, CANCEL_SECONDS, hurried)
    except ServerSilent as error:
        say(f"runs that are under way end with their worker: {error}")


def _wait(api: PrefectApi, pool: str, worker: str, seconds: float, hurried: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while any(run.worker == worker for run in api.under_way(pool)):
        if time.monotonic() >= deadline or hurried():
            return False
        time.sleep(POLL_SECONDS)
    return True
