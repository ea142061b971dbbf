"""How many nodes a cluster has room for, by what its machines say of themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

# Resident, of a node's process before it holds a layer; the cluster has to have it beside the node's own memory.
PROCESS_BYTES = 640 << 20


@dataclass(frozen=True)
class Portion:
    """What a node takes: processors, and bytes for weights and KV cache."""

    cpus: float
    memory: int

    @property
    def resources(self) -> dict[str, float]:
        """The same as Ray counts it (https://docs.ray.io/en/latest/ray-core/scheduling/resources.html)."""
        return {"CPU": self.cpus, "memory": self.memory + PROCESS_BYTES}


@dataclass(frozen=True)
class Machine:
    """A machine of a cluster: its address, its processors, and the bytes that it gives to work."""

    address: str
    cpus: float
    memory: float

    def room(self, portion: Portion) -> int:
        """How many nodes of that portion it has room for when nothing else is there."""
        wanted = portion.resources
        return floor(min(self.cpus / wanted["CPU"], self.memory / wanted["memory"]))


def machines_in(nodes: Sequence[Mapping[str, Any]]) -> tuple[Machine, ...]:
    """The living machines of `ray.nodes()`, by address."""
    found = [
        Machine(node["NodeManagerAddress"], node["Resources"].get("CPU", 0), node["Resources"].get("memory", 0))
        for node in nodes
        if node["Alive"]
    ]
    return tuple(sorted(found, key=lambda machine: machine.address))


def no_room(machines: Sequence[Machine], portion: Portion, nodes: int) -> str:
    """Why the nodes could not be placed, for people."""
    wanted = f"{portion.cpus:g} processors and {portion.resources['memory'] / (1 << 30):.1f} GiB (its process included)"
    room = sum(machine.room(portion) for machine in machines)
    there = "; ".join(
        f"{machine.address} has {machine.cpus:g} and {machine.memory / (1 << 30):.1f} GiB" for machine in machines
    )
    if room < nodes:
        return f"the cluster has room for {room} nodes of {wanted} each, not for {nodes}: {there or 'no machine'}"
    return f"the cluster has room for {nodes} nodes of {wanted} each, but others use it now: {there}"
