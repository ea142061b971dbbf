"""Incidents and decisions as a log would have them, at seconds after a point in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

from strata.store import Decision, Incident

START = datetime(2026, 11, 27, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """So many seconds after the start."""
    return START + timedelta(seconds=seconds)


def incident(
    number: int,
    begun: float,
    ended: float | None = None,
    *,
    pipeline: str = "inference",
    kind: str = "stage failed",
    subject: str = "node-3",
    abandoned: bool = False,
    **figures: Any,
) -> Incident:
    """One that was begun, and ended, so many seconds after the start."""
    end = None if ended is None else at(ended)
    state = "open" if ended is None else "abandoned" if abandoned else "resolved"
    response = "" if ended is None else "nothing helped" if abandoned else "its layers moved"
    return Incident(number, pipeline, kind, subject, "its link ended", state, at(begun), end, response, figures)


def decision(number: int, case: int, state: str, seconds: float) -> Decision:
    """Of Ada's, about a case."""
    return Decision(number, case, state, "Ada", "the disk was full", at(seconds))
