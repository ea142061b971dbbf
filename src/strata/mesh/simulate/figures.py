"""What a simulation has found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Detection:
    """A member held another dead, so many seconds after that had crashed."""

    observer: str
    subject: str
    seconds: float


@dataclass(frozen=True)
class FalseAlarm:
    """A member held another dead that was up and could be reached; seconds since the beginning.

    stalled_seconds: for how long that one had done nothing; None where it ran, and so nothing was to be noticed.
    """

    seconds: float
    observer: str
    subject: str
    incarnation: int
    by_slow: bool
    about_slow: bool
    stalled_seconds: float | None = None


@dataclass(frozen=True)
class Figures:
    """All of it is simulated. Times are seconds.

    partitions: instants at which two live nodes lost their last path of live links. repairs: from each until all live
    nodes had paths again. uptime: of ordered pairs of live nodes, the share of time with a path. changes: links added
    and dropped by each sweep. detections and false_alarms: only of the detailed simulation, one for each observer.
    """

    hours: float
    node_hours: float
    partitions: int
    uptime: float
    repairs: tuple[float, ...]
    changes: tuple[tuple[int, int], ...]
    detections: tuple[Detection, ...] = ()
    false_alarms: tuple[FalseAlarm, ...] = ()

    @property
    def added(self) -> int:
        """Links added by all sweeps."""
        return sum(added for added, _ in self.changes)

    @property
    def false_deaths(self) -> int:
        """Lives, from one refutation to the next, in which somebody held a node dead falsely."""
        return len({(each.subject, each.incarnation) for each in self.false_alarms})

    @property
    def alarms_about_healthy(self) -> int:
        """False alarms about nodes that are not slow: those that Lifeguard is against."""
        return sum(not each.about_slow for each in self.false_alarms)

    def to_json(self) -> dict[str, Any]:
        """As data for `json`; `simulated` is always true."""
        return {
            "simulated": True,
            "hours": self.hours,
            "node_hours": self.node_hours,
            "partitions": self.partitions,
            "uptime": self.uptime,
            "repair_seconds": quantiles(self.repairs),
            "sweeps": len(self.changes),
            "links_added": self.added,
            "links_dropped": sum(dropped for _, dropped in self.changes),
            "detection_seconds": quantiles([each.seconds for each in self.detections]),
            "false_alarms": len(self.false_alarms),
            "false_alarms_about_healthy": self.alarms_about_healthy,
            "false_deaths": self.false_deaths,
        }


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """Count, median, the 95th of a hundred, and the largest; None of nothing."""
    if not values:
        return None
    inorder = sorted(values)
    at = {"median": 0.5, "p95": 0.95, "max": 1.0}
    return {"count": len(inorder)} | {name: inorder[math.ceil(share * len(inorder)) - 1] for name, share in at.items()}
