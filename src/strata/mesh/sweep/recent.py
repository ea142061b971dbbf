"""What the sweeps of late have found, for who plans something on the mesh: how good links are, and who is dead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strata.mesh.network import Pair, Quality, pair
from strata.mesh.sweep.incidents import PIPELINE
from strata.mesh.sweep.kept import Kept, read_kept
from strata.settings import Settings

if TYPE_CHECKING:
    from strata.store import Run

FRESH_SECONDS = 15 * 60.0
_RUNS = 20


@dataclass(frozen=True)
class Seen:
    """A pair as a sweep measured it, and when, in seconds since 1970; quality None: one could not reach the other."""

    quality: Quality | None
    at: float


@dataclass(frozen=True)
class Recent:
    """pairs: that sweeps have measured. dead: whom the latest sweep found dead, and `at` when that was."""

    pairs: Mapping[Pair, Seen] = field(default_factory=dict)
    dead: frozenset[str] = frozenset()
    at: float = 0.0

    def between(self, one: str, other: str, now: float) -> Seen | None:
        """What is known of a pair, where that is not old."""
        seen = self.pairs.get(pair(one, other))
        return seen if seen is not None and _is_fresh(seen.at, now) else None

    def is_dead(self, name: str, now: float) -> bool:
        """Whether the latest sweep found this member dead, not long ago."""
        return name in self.dead and _is_fresh(self.at, now)


def recent_sweeps(settings: Settings, mesh_id: str) -> Recent:
    """What this machine's store and ledger tell of the sweeps of this mesh; raises LedgerError."""
    from strata.store import Ledger, open_store

    with Ledger(settings.ledger) as ledger:
        runs = ledger.runs(PIPELINE, limit=_RUNS)
    return recent_of(read_kept(open_store(settings), mesh_id), runs, mesh_id)


def recent_of(kept: Kept, runs: "tuple[Run, ...]", mesh_id: str) -> Recent:
    """What was kept, with the times that the runs tell; a sweep of which no run tells is too long ago.

    That a member could not be reached says nothing of its links where it was dead.
    """
    sweeps = {
        each["number"]: each
        for run in reversed(runs)  # the newest first: it counts where a number comes twice
        if run.figures.get("mesh") == mesh_id
        for each in run.figures.get("sweeps", ())
    }
    if not sweeps:
        return Recent()
    pairs = {
        ends: Seen(quality, sweeps[number]["at"])
        for ends, (quality, number) in kept.known.qualities.items()
        if number in sweeps and (quality is not None or not set(ends) & set(sweeps[number]["dead"]))
    }
    latest = max(sweeps.values(), key=lambda each: each["number"])
    return Recent(pairs, frozenset(latest["dead"]), latest["at"])


def _is_fresh(at: float, now: float) -> bool:
    """A time that is still to come is one of a clock that was set back: nobody knows how old that is."""
    return 0 <= now - at <= FRESH_SECONDS
