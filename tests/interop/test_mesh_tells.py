"""A node that is stopped: the mesh tells the coordinator, which neither waits for it nor dials it for long."""

import os
import signal
from pathlib import Path

import pytest
import trio

from strata.inference.run.cluster import LocalCluster
from strata.inference.run.connections import DEAD_SECONDS
from strata.inference.run.peers import SILENCE_SECONDS
from strata.inference.run.pipeline import Coordinator
from strata.mesh import open_roster, read_membership
from strata.secure import Identity


@pytest.mark.timeout(200)
def test_a_node_that_the_mesh_holds_dead_is_neither_waited_for_nor_planned_with(tmp_path: Path) -> None:
    async def main(cluster: LocalCluster) -> None:
        key, roster = Identity.load(cluster.identity_file), open_roster(read_membership(cluster.mesh_file), tmp_path)
        sealed, victim = cluster.mesh_file.read_bytes(), cluster.nodes[1]
        left = tuple(node.name for node in cluster.nodes if node is not victim)
        with trio.fail_after(120):
            async with Coordinator.connect(key, roster, tmp_path, sealed) as coordinator:
                links = coordinator._connections
                while len(links._lookout._views) < 2 or not all(links._lookout._views.values()):
                    await trio.sleep(0.05)  # until the members have found each other
                os.kill(victim.process.pid, signal.SIGSTOP)
                while victim.name not in links.doubted():
                    await trio.sleep(0.05)
                assert coordinator.nodes == left
            start = trio.current_time()
            async with Coordinator.connect(key, roster, tmp_path, sealed) as coordinator:
                assert coordinator.nodes == left
                assert "held dead by the mesh" in str(coordinator.unreachable[victim.name])
                assert trio.current_time() - start < DEAD_SECONDS + SILENCE_SECONDS
                os.kill(victim.process.pid, signal.SIGCONT)
                while victim.name not in coordinator.nodes or coordinator._connections.doubted():
                    await trio.sleep(0.05)

    with LocalCluster(tmp_path, 4, threads=1) as cluster:
        trio.run(main, cluster)
