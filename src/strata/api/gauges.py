"""How things stand, for Prometheus: nodes, the mesh, the champion, open cases, flags.

Everything is read from the ledger, which the sampler, the sweeps and the pipelines write: a scrape waits for no node.
What was read is told again for some seconds, so that many who scrape cost no more than one.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from strata.api.context import Context
from strata.api.sampling import EVERY_SECONDS
from strata.memory import NodeMemory
from strata.settings import Settings
from strata.store import ChampionLog, Ledger, LedgerError, MemoryLog
from strata.triage import Desk, read_rules

KEPT_SECONDS = 5.0
STALE = timedelta(seconds=3 * EVERY_SECONDS)  # a node that was not sampled for so long does not answer
MESH = "mesh"  # the pipeline that sweeps


class Standing(Collector):
    """Reads them when it is asked, at most once in `seconds`."""

    def __init__(
        self, context: Context, seconds: float = KEPT_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._context = context
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._read: tuple[float, list[Metric]] | None = None
        self._desk: Desk | None = None  # made when it is first asked for: to make one reads the ledger

    def describe(self) -> list[Metric]:
        """Nothing: to register it reads no database."""
        return []

    def collect(self) -> list[Metric]:
        """The gauges, as of some seconds ago at most."""
        with self._lock:
            now = self._clock()
            if self._read is None or now - self._read[0] >= self._seconds:
                self._read = now, self._gather()
            return self._read[1]

    def _gather(self) -> list[Metric]:
        ledger = self._context.ledger
        reachable = GaugeMetricFamily("strata_ledger_reachable", "Whether the ledger can be read")
        found: list[Metric] = [flags(self._context.settings)]
        try:
            found += [*nodes(MemoryLog(ledger), datetime.now(UTC)), *mesh(ledger), champion(ledger), self._cases()]
            reachable.add_metric([], 1)
        except LedgerError:
            reachable.add_metric([], 0)
        return [*found, reachable]

    def _cases(self) -> Metric:
        family = GaugeMetricFamily("strata_open_cases", "Cases that are not resolved", labels=["severity"])
        if self._desk is None:
            self._desk = Desk(self._context.ledger, read_rules(self._context.settings.triage_rules))
        for severity, count in self._desk.summary().severities.items():
            family.add_metric([severity], count)
        return family


def flags(settings: Settings) -> Metric:
    """Which switches are on."""
    family = GaugeMetricFamily("strata_flag", "Whether a feature is switched on", labels=["flag"])
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, bool):
            family.add_metric([field.alias or name], float(value))
    return family


def nodes(samples: MemoryLog, now: datetime) -> Iterator[Metric]:
    """What the nodes' latest samples say. Of nodes that do not answer only that is told."""
    held = GaugeMetricFamily("strata_node_memory_bytes", "Memory of a node's account", labels=["node", "category"])
    budget = GaugeMetricFamily("strata_node_budget_bytes", "Memory that a node may use", labels=["node"])
    sessions = GaugeMetricFamily("strata_node_sessions", "Open sessions", labels=["node"])
    reachable = GaugeMetricFamily("strata_node_reachable", "Whether it answered the latest sample", labels=["node"])
    sent = CounterMetricFamily("strata_node_sent_bytes", "Encrypted bytes sent", labels=["node"])
    received = CounterMetricFamily("strata_node_received_bytes", "Encrypted bytes received", labels=["node"])
    latest = samples.latest()
    newest = max((sample.taken for sample in latest), default=now)
    for sample in latest:
        answers = sample.taken == newest and now - newest < STALE
        reachable.add_metric([sample.node], float(answers))
        if not answers:
            continue
        memory = NodeMemory.of(sample.node, sample.figures)
        for category, nbytes in memory.categories.items():
            held.add_metric([sample.node, category], nbytes)
        budget.add_metric([sample.node], sample.budget)
        sessions.add_metric([sample.node], memory.sessions)
        sent.add_metric([sample.node], sample.figures.get("bytes_sent", 0))
        received.add_metric([sample.node], sample.figures.get("bytes_received", 0))
    yield from (held, budget, sessions, reachable, sent, received)


def mesh(ledger: Ledger) -> Iterator[Metric]:
    """What the latest sweep found; nothing where there was none."""
    sweeps = (run.figures.get("sweeps") for run in ledger.runs(MESH))
    latest = next((each[-1] for each in sweeps if each), None)
    if latest is None:
        return
    points = len(latest["articulation_points"])
    yield GaugeMetricFamily("strata_mesh_live_members", "Members that the latest sweep found", latest["alive"])
    yield GaugeMetricFamily("strata_mesh_links", "Links that it found", latest["links"])
    yield GaugeMetricFamily("strata_mesh_articulation_points", "Members whose loss would cut the mesh", points)
    yield GaugeMetricFamily("strata_mesh_sweep_timestamp_seconds", "When that was", latest["at"])


def champion(ledger: Ledger) -> Metric:
    """How often the champion has changed."""
    standing = ChampionLog(ledger).standing()
    revision = 0 if standing is None else standing.revision
    return GaugeMetricFamily("strata_champion_revision", "Of the champion's pointer; 0: there is none", revision)
