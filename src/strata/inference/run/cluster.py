"""Nodes on this machine, each a process of its own with its own key and store, for as long as a `with` block lasts."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from strata.mesh import LocalNodes, NodeDidNotStart

__all__ = ["LocalCluster", "NodeDidNotStart"]


class LocalCluster(LocalNodes):
    """Nodes (`strata node`), as `LocalNodes` starts them; tensors sent once are not sent again by the next run.

    threads: of each node; None gives each its share of the cores, and all of them to the steps of a session in half
    precision that is the only one.
    """

    kind = "cluster"
    # OpenMP threads spin from one product to the next, but not until their node's next turn: they would take the cores
    # from the node whose turn it is. To wake them for every product is as bad.
    environment: ClassVar[Mapping[str, str]] = {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "10000"}

    def __init__(self, home: Path, nodes: int, memory_bytes: int | None = None, threads: int | None = None) -> None:
        super().__init__(home, nodes)
        self._memory_bytes = memory_bytes
        cores = os.cpu_count() or 1
        self._threads = threads or max(1, cores // nodes)
        self._threads_alone = threads or cores

    def arguments(self, folder: Path, address: str) -> Sequence[str]:
        """As `LocalNodes.arguments`."""
        command = ["node", "--home", str(folder), "--mesh", str(self.mesh_file), "--listen", address, "--supervised"]
        if self._memory_bytes is not None:
            command += ["--memory", str(self._memory_bytes)]
        return [*command, "--threads", str(self._threads), "--threads-alone", str(self._threads_alone)]
