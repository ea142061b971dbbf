"""The sweeps of a mesh over time, as the ledger's runs tell of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strata.mesh.sweep.incidents import PIPELINE
from strata.mesh.sweep.sweep import Sweep

if TYPE_CHECKING:
    from strata.store import Ledger

MOST_RUNS = 300  # a day of them, every five minutes


@dataclass(frozen=True)
class Moment:
    """One sweep of the past. reach: share of the ordered pairs of living members that have a path."""

    at: datetime
    members: int
    alive: int
    reach: float

    @classmethod
    def of(cls, sweep: Sweep) -> "Moment":
        """That of a sweep."""
        at = datetime.fromtimestamp(sweep.discovery.at, UTC)
        return cls(at, len(sweep.discovery.members), len(sweep.network.peers), sweep.reach)


def moments(ledger: "Ledger", mesh_id: str) -> tuple[Moment, ...]:
    """The sweeps of this mesh in the latest runs, the oldest first."""
    found = [
        Moment(datetime.fromtimestamp(each["at"], UTC), each["members"], each["alive"], each["reach"])
        for run in ledger.runs(PIPELINE, limit=MOST_RUNS)
        if run.figures.get("mesh") == mesh_id
        for each in run.figures.get("sweeps", ())
    ]
    return tuple(sorted(found, key=lambda moment: moment.at))


def uptime(past: Sequence[Moment]) -> float | None:
    """Mean share of the ordered pairs of living members that had a path, over these sweeps."""
    return sum(moment.reach for moment in past) / len(past) if past else None
