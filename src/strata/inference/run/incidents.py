"""Failures of stages, written into the ledger."""

from strata.inference.run.errors import StageFailed
from strata.store import IncidentLog

PIPELINE = "inference"


class RecordedFailures:
    """A `failover.Watcher` that writes each failure down as an incident."""

    def __init__(self, log: IncidentLog) -> None:
        self._log = log

    def failed(self, failure: StageFailed) -> int:
        """Begin an incident."""
        first, last = failure.layers
        figures = {"first_layer": first, "last_layer": last}
        return self._log.begin(
            pipeline=PIPELINE, kind="stage failed", subject=failure.node, detail=failure.reason, figures=figures
        )

    def recovered(self, key: int, response: str, seconds: float) -> None:
        """Resolve it."""
        self._log.resolve(key, response, {"seconds": seconds})

    def gave_up(self, key: int, response: str) -> None:
        """Abandon it."""
        self._log.abandon(key, response)
