"""Sampling the memory of the fleet's nodes while the API runs, so that there is a trend to look at.

A node above its budget is an incident, once, until it is within it again.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import trio

from strata.api.ports import Fleet, FleetUnavailable, NodeState
from strata.memory import NodeMemory
from strata.store import IncidentLog, LedgerError, MemoryLog, MemorySample

log = logging.getLogger(__name__)

EVERY_SECONDS = 30.0
PIPELINE = "inference"
OVER_BUDGET = "over budget"


async def sample(fleet: Fleet, samples: MemoryLog, seconds: float = EVERY_SECONDS) -> None:
    """Take a sample of every node that answers, every so many seconds, until cancelled.

    What goes wrong with the fleet or the ledger costs samples, and is logged; it ends nothing.
    """
    while True:
        began = trio.current_time()
        try:
            nodes = await fleet.nodes()
            await trio.to_thread.run_sync(record, nodes, samples, datetime.now(UTC))
        except FleetUnavailable as error:
            log.info("no sample of memory: %s", error)
        except LedgerError as error:
            log.warning("a sample of memory is lost: %s", error)
        await trio.sleep_until(began + seconds)


def record(nodes: Iterable[NodeState], samples: MemoryLog, now: datetime) -> None:
    """Write down what each reachable node holds, and begin or end incidents. Raises LedgerError."""
    found = [(NodeMemory.of(node.name, node.figures), node) for node in nodes if node.reachable]
    samples.add(
        [MemorySample(memory.node, now, memory.budget, memory.used, dict(node.figures)) for memory, node in found]
    )
    judge([memory for memory, _ in found], IncidentLog(samples))


def judge(nodes: Sequence[NodeMemory], incidents: IncidentLog) -> None:
    """Have one open incident for each node that is above its budget, and none for any that is within it."""
    open_ones = {incident.subject: incident for incident in incidents.open_ones(PIPELINE, OVER_BUDGET)}
    for node in nodes:
        incident = open_ones.get(node.node)
        if node.over and incident is None:
            incidents.begin(
                pipeline=PIPELINE,
                kind=OVER_BUDGET,
                subject=node.node,
                detail=f"it holds {node.used:,} bytes of a budget of {node.budget:,}",
                figures={"budget_bytes": node.budget, "over_bytes": node.over, **_by_category(node)},
            )
        elif incident is not None and not node.over:
            with suppress(LedgerError):  # another process of the API has just done the same
                incidents.resolve(incident.id, f"it holds {node.used:,} bytes, within its budget of {node.budget:,}")


def _by_category(node: NodeMemory) -> dict[str, int]:
    return {f"{category}_bytes": nbytes for category, nbytes in node.categories.items()}
