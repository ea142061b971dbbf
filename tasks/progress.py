"""A Prefect progress artifact that follows a fast counter without slowing what it counts."""

import contextvars
import threading
from typing import Self

from prefect.artifacts import create_progress_artifact, update_progress_artifact

INTERVAL_SECONDS = 0.5


class ProgressPublisher:
    """Publishes the share done of several counters, at most twice a second, from a thread of its own.

    The counters are fed from inside a trio loop, where a call to the Prefect API would stall the very transfer that is
    being counted.
    """

    def __init__(self, key: str, description: str, totals: dict[str, int]) -> None:
        self._key, self._description = key, description
        self._totals, self._done = dict(totals), dict.fromkeys(totals, 0)
        self._stop = threading.Event()
        # The copied context carries the task run, to which the artifact belongs.
        self._thread = threading.Thread(target=contextvars.copy_context().run, args=(self._publish,), daemon=True)

    def update(self, name: str, done: int, total: int) -> None:
        """Set one counter, in any unit that all share."""
        self._done[name], self._totals[name] = done, total

    @property
    def percent(self) -> float:
        """Share done of all counters together, 0 to 100."""
        total = sum(self._totals.values())
        return 100.0 * min(1.0, sum(self._done.values()) / total) if total else 100.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _publish(self) -> None:
        artifact = create_progress_artifact(0.0, key=self._key, description=self._description)
        shown = 0.0
        stopped = False
        while not stopped:
            stopped = self._stop.wait(INTERVAL_SECONDS)
            if self.percent != shown:
                shown = self.percent
                update_progress_artifact(artifact, shown)
