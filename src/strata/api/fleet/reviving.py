"""Nodes that were started here and died are started again, at the same address; later and later where they go on."""

import logging

import trio

from strata.inference import LocalCluster, NodeDidNotStart
from strata.triage import Breakers

LOOK_SECONDS = 1.0
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 300.0  # between a start and the next one
STEADY_SECONDS = 60.0  # after which its deaths are forgotten

_log = logging.getLogger(__name__)


async def revive(cluster: LocalCluster) -> None:
    """Look after the nodes until cancelled. Whoever is connected to them connects anew by itself."""
    breakers = Breakers(failures=1, cool_down=FIRST_SECONDS, longest=LONGEST_SECONDS)
    started: dict[str, float] = {}
    while True:
        await trio.sleep(LOOK_SECONDS)
        for node in cluster.nodes:
            now = trio.current_time()
            if node.process.poll() is None:
                if node.name in started and now - started[node.name] > STEADY_SECONDS:
                    breakers.succeeded(node.name)
                    del started[node.name]
            elif breakers.allows(node.name, now):
                await _restart(cluster, node.name)
                started[node.name] = trio.current_time()
                breakers.failed(node.name, started[node.name])  # until it has stayed for a while


async def _restart(cluster: LocalCluster, name: str) -> None:
    try:
        await trio.to_thread.run_sync(cluster.restart, name)
    except NodeDidNotStart as error:
        _log.warning("%s has died, and cannot be started again now: %s", name, error)
    else:
        _log.warning("%s had died, and was started again", name)
