"""A node's account as the node itself tells it, and what all of them come to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from strata.memory.account import Category

_FIGURES: Mapping[Category, tuple[str, ...]] = {
    "weights": ("weight_bytes", "standby_bytes"),
    "cache": ("cache_bytes",),
    "workspace": ("workspace_bytes",),
    "runtime": ("runtime_bytes",),
}


@dataclass(frozen=True)
class NodeMemory:
    """Bytes of a node by category, of its budget; leak: what grows from session to session, in words, where it does."""

    node: str
    budget: int
    categories: Mapping[Category, int]
    sessions: int = 0
    leak: str = ""

    @classmethod
    def of(cls, node: str, figures: Mapping[str, Any]) -> "NodeMemory":
        """From the figures of its status; what it does not say counts as 0."""
        return cls(
            node=node,
            budget=int(figures.get("memory_bytes", 0)),
            categories={
                category: sum(int(figures.get(name, 0)) for name in names) for category, names in _FIGURES.items()
            },
            sessions=int(figures.get("sessions", 0)),
            leak=str(figures.get("leak", "")),
        )

    @property
    def used(self) -> int:
        """Bytes in all categories."""
        return sum(self.categories.values())

    @property
    def free(self) -> int:
        """Bytes that can still be promised."""
        return max(0, self.budget - self.used)

    @property
    def over(self) -> int:
        """Bytes above the budget."""
        return max(0, self.used - self.budget)


@dataclass(frozen=True)
class FleetMemory:
    """All nodes together, in bytes; over: who has more than its budget, and by how much; leaking: who says why."""

    nodes: int
    budget: int
    used: int
    free: int
    sessions: int
    categories: Mapping[Category, int] = field(default_factory=dict)
    over: Mapping[str, int] = field(default_factory=dict)
    leaking: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[NodeMemory]) -> "FleetMemory":
        """The sum. What is free on one node is of no use to another, and still the most that the fleet can take."""
        found = list(nodes)
        return cls(
            nodes=len(found),
            budget=sum(node.budget for node in found),
            used=sum(node.used for node in found),
            free=sum(node.free for node in found),
            sessions=sum(node.sessions for node in found),
            categories={category: sum(node.categories[category] for node in found) for category in _FIGURES},
            over={node.node: node.over for node in found if node.over},
            leaking={node.node: node.leak for node in found if node.leak},
        )
