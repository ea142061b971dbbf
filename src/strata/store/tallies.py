"""How the runs of each pipeline have ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from strata.store.ledger import Run, RunState


@dataclass(frozen=True)
class Tally:
    """The runs of one pipeline. ended: how many in each state; seconds: that a completed one took, on average."""

    pipeline: str
    ended: Mapping[RunState, int]
    seconds: float | None
    last: datetime

    @property
    def runs(self) -> int:
        """All of them."""
        return sum(self.ended.values())

    @property
    def bad(self) -> int:
        """Those that failed or crashed."""
        return self.ended.get("failed", 0) + self.ended.get("crashed", 0)


def tally(runs: Iterable[Run]) -> tuple[Tally, ...]:
    """Of each pipeline that has any, by name."""
    by_pipeline: dict[str, list[Run]] = {}
    for run in runs:
        by_pipeline.setdefault(run.pipeline, []).append(run)
    return tuple(_tally(name, by_pipeline[name]) for name in sorted(by_pipeline))


def _tally(pipeline: str, runs: list[Run]) -> Tally:
    ended: dict[RunState, int] = {}
    for run in runs:
        ended[run.state] = ended.get(run.state, 0) + 1
    took = [(run.finished - run.started).total_seconds() for run in runs if run.state == "completed" and run.finished]
    return Tally(pipeline, ended, sum(took) / len(took) if took else None, max(run.started for run in runs))
