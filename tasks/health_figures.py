"""The figures of the health report: what the ledger, the store and the mesh's sweeps say of the hours behind."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from strata.memory import NodeMemory
from strata.mesh import Moment, moments, uptime
from strata.settings import Settings
from strata.store import ChampionLog, Change, Incident, IncidentLog, Ledger, MemoryLog, Tally, open_store, tally
from tasks.health_parameters import HealthParameters

MOST_INCIDENTS = 200


@dataclass(frozen=True)
class MeshHealth:
    """How whole a mesh was; share: of the ordered pairs of living members that had a path, over all sweeps."""

    mesh: str
    sweeps: int
    share: float
    members: int
    alive: int


@dataclass(frozen=True)
class StoreHealth:
    """blobs, size: that stay; unnamed, unnamed_size, leftovers: what a collection would remove."""

    blobs: int
    size: int
    unnamed: int
    unnamed_size: int
    leftovers: int


@dataclass(frozen=True)
class Health:
    """What the report tells, of `hours` until `at`. open: incidents of whenever; ended: how many of late; nodes: as of
    their latest samples.
    """

    at: datetime
    hours: int
    runs: tuple[Tally, ...]
    open: tuple[Incident, ...]
    ended: int
    meshes: tuple[MeshHealth, ...]
    champion: Change | None
    store: StoreHealth
    nodes: tuple[NodeMemory, ...]

    def figures(self) -> dict[str, Any]:
        """For the ledger, and for programs."""
        return {
            "hours": self.hours,
            "runs": {each.pipeline: dict(each.ended) for each in self.runs},
            "open_incidents": len(self.open),
            "ended_incidents": self.ended,
            "mesh_uptime": {each.mesh: each.share for each in self.meshes},
            "champion": self.champion and self.champion.digest,
            "store_bytes": self.store.size,
            "store_unnamed_bytes": self.store.unnamed_size,
            "node_bytes": {each.node: each.used for each in self.nodes},
        }


def look(parameters: HealthParameters, settings: Settings, now: datetime) -> Health:
    """Gather the figures. Raises StoreErrors."""
    since = now - timedelta(hours=parameters.hours)
    with Ledger(settings.ledger) as ledger:
        incidents = IncidentLog(ledger).recent(limit=MOST_INCIDENTS)
        standing = next(iter(ChampionLog(ledger).history()), None)
        report = open_store(settings).gc(parameters.grace, ledger.digests(), dry_run=True)
        return Health(
            at=now,
            hours=parameters.hours,
            runs=tally(ledger.runs_since(since)),
            open=tuple(each for each in incidents if each.state == "open"),
            ended=sum(each.ended is not None and each.ended >= since for each in incidents),
            meshes=tuple(_meshes(ledger, since)),
            champion=standing,
            store=StoreHealth(
                report.kept, report.bytes_kept, len(report.removed), report.bytes_freed, report.leftovers
            ),
            nodes=tuple(
                NodeMemory.of(each.node, each.figures) for each in MemoryLog(ledger).latest() if each.taken >= since
            ),
        )


def _meshes(ledger: Ledger, since: datetime) -> Iterator[MeshHealth]:
    swept = {run.figures.get("mesh") for run in ledger.runs_since(since)}
    for mesh in sorted(each for each in swept if isinstance(each, str)):
        past = [moment for moment in moments(ledger, mesh) if moment.at >= since]
        if past:
            yield _mesh(mesh, past)


def _mesh(mesh: str, past: list[Moment]) -> MeshHealth:
    return MeshHealth(mesh, len(past), uptime(past) or 0.0, past[-1].members, past[-1].alive)


def in_words(ended: Mapping[str, int]) -> str:
    """Such as: 12 completed, 1 failed."""
    return ", ".join(f"{count} {state}" for state, count in sorted(ended.items(), key=lambda item: -item[1]))
