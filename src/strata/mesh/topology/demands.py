"""What the links of a mesh must meet: between every two sides of a part, as many as the peers between leave to need.

For a part whose every two peers need k disjoint paths, and two sides A and B of it with Z the other peers of it: at
least k - |Z| links lead from A to B (Menger; Frank and Jordan, "Minimal edge-coverings of pairs of sets", 1995). There
are too many to write down: those are found that a choice of links does not meet.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strata.mesh.topology.case import Case, Chosen
from strata.mesh.topology.disjoint import separators
from strata.mesh.topology.parts import Part, induced, parts


@dataclass(frozen=True)
class Demand:
    """At least so many of these links."""

    links: NDArray[np.int64]
    least: int

    def short(self, chosen: Chosen) -> int:
        """How many are missing."""
        return max(0, self.least - int(chosen[self.links].sum()))

    @property
    def key(self) -> tuple[bytes, int]:
        """The same for the same."""
        return self.links.tobytes(), self.least


class Demands:
    """Of a case, so that its carrying peers survive as many failures, and mobile ones hold on to enough of them."""

    def __init__(self, case: Case, survive: int) -> None:
        self._case = case
        need = survive + 1
        self._carrying = carrying = case.between_carriers
        everything = case.neighbours(carrying)
        self.parts: list[Part] = parts(everything, np.flatnonzero(case.carries).tolist(), need)
        self.fixed = [*self._mobile(need), *self._single()]

    def unmet(self, chosen: Chosen) -> list[Demand]:
        """Demands that the chosen links do not meet, of many some; none only where all demands are met."""
        found = {each.key: each for each in self.fixed if each.short(chosen)}
        graph = self._case.neighbours(chosen & self._carrying)
        for need, part in self.parts:
            kept, inner = induced(graph, part)
            for side, cut in separators(inner, need):
                each = self._across(part, [kept[at] for at in side], [kept[at] for at in cut], need)
                found[each.key] = each
        return list(found.values())

    def _across(self, part: frozenset[int], side: list[int], between: list[int], need: int) -> Demand:
        mark = np.zeros(len(self._case.names), np.int8)
        mark[list(part)] = 2
        mark[side] = 1
        mark[between] = 0
        ends = mark[self._case.ends]
        return Demand(np.flatnonzero(ends[:, 0] * ends[:, 1] == 2), need - len(between))

    def _mobile(self, need: int) -> Iterator[Demand]:
        to_carrier = self._case.carries[self._case.ends].sum(axis=1) == 1
        for peer in np.flatnonzero(~self._case.carries):
            links = np.flatnonzero((self._case.ends == peer).any(axis=1) & to_carrier)
            if len(links):
                yield Demand(links, min(need, len(links)))

    def _single(self) -> Iterator[Demand]:
        """Of each peer of a part alone: they follow from the others, and bound the cost well."""
        for need, part in self.parts:
            for peer in sorted(part):
                yield self._across(part, [peer], [], need)
