"""Cycles of imports, and the cheapest imports to take away so that there are none."""

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from strata.migration.graph.arcs import Arc, arc_order
from strata.migration.graph.components import components
from strata.migration.graph.edges import ImportEdge
from strata.migration.graph.kept import KeptArcs

_SECONDS = 5.0


class CycleKind(StrEnum):
    """When a cycle of imports is run through."""

    LOAD = "load"  # while the modules are loaded: it can fail, by which of them is imported first
    DEFERRED = "deferred"  # some of it only when a function is called
    TYPE_ONLY = "type-only"  # some of it only by a type checker


@dataclass(frozen=True, slots=True)
class Break:
    """One importer and what it imports, to be taken apart; `cost` is how many names its statements take."""

    importer: str
    imported: str
    cost: int
    edges: tuple[ImportEdge, ...]


@dataclass(frozen=True, slots=True)
class Cycle:
    """Modules that all reach each other (a strongly connected component of two or more), and how to end that.

    breaks: imports without which no cycle is left among them. cost: of all of these. bound: what any such set costs at
    least, so that they are the cheapest where it equals `cost`.
    """

    kind: CycleKind
    modules: tuple[str, ...]
    breaks: tuple[Break, ...]
    cost: int
    bound: int

    @property
    def minimal(self) -> bool:
        """Whether it is proved that there is no cheaper way."""
        return self.cost == self.bound


def import_cycles(
    edges: Iterable[ImportEdge], seconds: float = _SECONDS, kept: Path | None = None
) -> tuple[Cycle, ...]:
    """Every cycle, those of loading first, and of each kind the largest first.

    A kind's components are those of its edges and of all kinds before it; one that is already there for an earlier kind
    is not told again. That a module's parent packages are loaded before it is not counted, as grimp does not either:
    with it nearly every package whose `__init__` imports from it is a cycle.

    seconds: to search for the cheapest breaks, over all cycles.
    kept: a file that remembers what was found; only cycles with other imports are searched again.
    """
    known = KeptArcs(kept)
    deadline = time.monotonic() + seconds
    all_edges = tuple(edges)
    kinds = {
        CycleKind.LOAD: [edge for edge in all_edges if not edge.type_only and not edge.deferred],
        CycleKind.DEFERRED: [edge for edge in all_edges if not edge.type_only],
        CycleKind.TYPE_ONLY: all_edges,
    }
    parts: dict[tuple[str, ...], CycleKind] = {}
    for kind, some in kinds.items():
        for part in components(_ends(some)):
            if len(part) > 1:
                parts.setdefault(tuple(part), kind)
    # The small ones first, which take next to no time to prove.
    by_size = sorted(parts.items(), key=lambda item: len(item[0]))
    found = [_cycle(kind, part, kinds[kind], known, deadline - time.monotonic()) for part, kind in by_size]
    known.save()
    order = list(CycleKind)
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), -len(each.modules), each.modules)))


def matrix_order(modules: Iterable[str], edges: Iterable[ImportEdge]) -> tuple[str, ...]:
    """The modules in the order of a dependency structure matrix: each before what it imports, cycles side by side.

    Within a cycle few edges point backwards. Only edges between the modules count.
    """
    wanted = sorted(modules)
    known = set(wanted)
    inside = [edge for edge in edges if edge.importer in known and edge.imported in known]
    ends = {module: sorted(targets) for module, targets in _ends(inside).items()}
    order: list[str] = []
    for part in reversed(components({module: ends.get(module, []) for module in wanted})):
        order += part if len(part) == 1 else arc_order(_costs(part, inside))
    return tuple(order)


def _ends(edges: Iterable[ImportEdge]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for edge in edges:
        found[edge.importer][edge.imported] = None
    return found


def _costs(part: Iterable[str], edges: Iterable[ImportEdge]) -> dict[Arc, int]:
    known, found = set(part), defaultdict[Arc, int](int)
    for edge in edges:
        if edge.importer in known and edge.imported in known:
            found[edge.importer, edge.imported] += max(1, len(edge.names))
    return found


def _cycle(
    kind: CycleKind, part: tuple[str, ...], edges: Iterable[ImportEdge], known: KeptArcs, seconds: float
) -> Cycle:
    costs = _costs(part, edges)
    chosen = known.find(costs, seconds)
    taken: dict[Arc, list[ImportEdge]] = {arc: [] for arc in chosen.arcs}
    for edge in edges:
        if (arc := (edge.importer, edge.imported)) in taken:
            taken[arc].append(edge)
    breaks = tuple(Break(*arc, costs[arc], tuple(some)) for arc, some in taken.items())
    return Cycle(kind, part, breaks, chosen.cost, chosen.bound)
