"""A keeper as an actor of Ray: in a process of its own, which ends with the Ray of its machine."""

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from strata.mesh.ray_nodes.keeper import Keeper

PARENT_SECONDS = 1.0  # between two looks


@dataclass(frozen=True)
class Here:
    """Where an actor runs: the machine's name, its address in the cluster, the version of Strata there."""

    host: str
    address: str
    version: str


class NodeActor(Keeper):
    """See `Keeper`. Made by Ray, whose own process on this machine is the parent of this one."""

    def __init__(self, name: str, home: str, arguments: Sequence[str]) -> None:
        super().__init__(name, home, arguments)
        threading.Thread(target=self._end_with, args=(os.getppid(),), name="parent", daemon=True).start()

    def here(self) -> Here:
        """Where this is."""
        import ray.util

        return Here(socket.gethostname(), ray.util.get_node_ip_address(), version("strata"))

    def _end_with(self, parent: int) -> None:
        """Ray 2.60 was seen to leave an actor with several threads half ended where its raylet is killed."""
        while not self.stopping.wait(PARENT_SECONDS):
            if os.getppid() != parent:
                self.stop()
                os._exit(1)
