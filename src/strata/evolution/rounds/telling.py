"""Notices, written into the log of incidents."""

from collections.abc import Iterable

from strata.evolution.lineage import PIPELINE
from strata.evolution.rounds.notices import Notice
from strata.store import IncidentLog

_LOOKED_AT = 500  # of the latest incidents, for one that was told already


def tell(log: IncidentLog, notices: Iterable[Notice], *, again: bool = False) -> list[int]:
    """Open an incident for each notice, and end it where something was done about it; returns their numbers.

    What was told already, by a run that was killed since, is not told twice, unless `again`; one that lasts is told
    once as long as it is open.
    """
    told = []
    for notice in notices:
        known = [
            incident
            for incident in log.recent(PIPELINE, _LOOKED_AT)
            if (incident.kind, incident.subject) == (notice.kind, notice.subject)
        ]
        left = next((each.id for each in log.open_ones(PIPELINE, notice.kind, notice.subject)), None)
        if known and left is None and notice.response is not None and not again:
            told.append(known[0].id)
            continue
        if left is None:
            figures = {"severity": notice.severity} | dict(notice.figures)
            left = log.begin(
                pipeline=PIPELINE, kind=notice.kind, subject=notice.subject, detail=notice.detail, figures=figures
            )
        if notice.response is not None:
            log.resolve(left, notice.response)
        told.append(left)
    return told


def times(log: IncidentLog, kind: str, subject: str) -> int:
    """How often it was told of this."""
    return sum((each.kind, each.subject) == (kind, subject) for each in log.recent(PIPELINE, _LOOKED_AT))


def settle(log: IncidentLog, kind: str, response: str, subject: str | None = None) -> None:
    """End the open incidents of this kind (about this subject), whose cause is gone."""
    for incident in log.open_ones(PIPELINE, kind, subject):
        log.resolve(incident.id, response)
