"""Runs of pipelines that failed, as incidents: opened when a run fails, ended by the next one that completes."""

from contextlib import suppress
from typing import Literal

from strata.store import Incident, IncidentLog, LedgerError

Ending = Literal["failed", "crashed"]
KINDS = FAILED, CRASHED = "flow run failed", "flow run crashed"
_LONGEST = 2000  # characters of a reason
_LATE = 2000  # incidents that are looked through


def record_failed_run(
    log: IncidentLog, pipeline: str, ending: Ending, *, run: str, reason: str, url: str | None
) -> int:
    """Have an incident about this run; its number. The same run is written down once, however often it is told.

    run: its id; url: where to look at it.
    """
    kind = FAILED if ending == "failed" else CRASHED
    for known in _open_ones(log, pipeline):
        if known.figures.get("run") == run:
            return known.id
    figures = {"run": run} | ({} if url is None else {"url": url})
    return log.begin(pipeline=pipeline, kind=kind, subject=pipeline, detail=reason[:_LONGEST], figures=figures)


def told_runs(log: IncidentLog) -> frozenset[str]:
    """Runs of which some incident of late tells, whatever became of it."""
    return frozenset(str(each.figures.get("run")) for each in log.recent(limit=_LATE) if each.kind in KINDS)


def record_completed_run(log: IncidentLog, pipeline: str, *, run: str) -> int:
    """End the incidents about earlier runs of this pipeline; how many there were."""
    found = _open_ones(log, pipeline)
    for incident in found:
        with suppress(LedgerError):  # another run has just done the same
            log.resolve(incident.id, f"a later run completed: {run}")
    return len(found)


def _open_ones(log: IncidentLog, pipeline: str) -> list[Incident]:
    return [each for kind in KINDS for each in log.open_ones(pipeline, kind, pipeline)]
