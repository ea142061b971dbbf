"""What befalls the nodes of a cluster: as incidents of the ledger, and for whoever looks on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from strata.store import IncidentLog

PIPELINE = "mesh"
DIED = "node died"

Kind = Literal["ready", "died", "failed", "lost", "back", "ended"]


@dataclass(frozen=True)
class NodeNews:
    """A node is ready; it died, alone or with its machine (lost); it failed to start again; it is back; it was ended.

    seconds: that it took to be ready or back; else until it is started again.
    """

    kind: Kind
    node: str
    machine: str
    address: str
    detail: str = ""
    seconds: float = 0.0


Say = Callable[[NodeNews], None]


class NodeIncidents:
    """One for each time that a node is gone, from its death until it is back, or the mesh is taken down."""

    def __init__(self, log: "IncidentLog") -> None:
        self._log = log
        self._open: dict[str, tuple[int, int]] = {}  # by node: its incident, and how often it was tried to start it

    def tell(self, told: NodeNews) -> None:
        """Write it down."""
        number, tries = self._open.get(told.node, (None, 0))
        if told.kind in ("died", "lost") and number is None:
            number = self._log.begin(
                pipeline=PIPELINE,
                kind=DIED,
                subject=told.node,
                detail=told.detail,
                figures={"machine": told.machine, "address": told.address},
            )
        if number is None:
            return
        if told.kind == "back":
            del self._open[told.node]
            figures = {"seconds": told.seconds, "attempts": tries, "machine": told.machine}
            self._log.resolve(number, f"started again on {told.machine}", figures)
        elif told.kind == "ended":
            del self._open[told.node]
            self._log.abandon(number, "the nodes were taken down", {"attempts": tries})
        else:
            self._open[told.node] = number, tries + 1
