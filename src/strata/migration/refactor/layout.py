"""Which module lies in which package and who imports whom: all that a plan of moves is made from, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strata.migration.coupling import CrossPackage, Moving, Pair

Aim = Literal["pairs", "weighted"]  # the field of CrossPackage that is to fall


@dataclass(frozen=True)
class Layout:
    """A project as the optimiser sees it.

    package: the package of each module; a package's own module is counted to itself.
    weights: what each distinct (importer, imported) weighs (`coupling.pair_weights`).
    fixed: modules that stay. closed: packages that take in none.
    """

    package: Mapping[str, str]
    weights: Mapping[Pair, float]
    fixed: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()

    def measure(self, moves: Mapping[str, str] | None = None) -> CrossPackage:
        """How coupled the packages are, with each module of `moves` in the package that it names."""
        return Moving(self.weights, {**self.package, **(moves or {})}).total()


@dataclass(frozen=True, slots=True)
class Limits:
    """What no plan may exceed.

    moved: share of all modules that may move. largest: a package's size against the largest before.
    growth: a package's size against its own before, None for any; one of less than four may take in one.
    price: what a move must gain for itself, in the unit of the aim: 1 pays for the edge of its shim.
    renames: a module may go where its name is taken, and gets another.
    """

    moved: float = 0.2
    largest: float = 1.5
    growth: float | None = None
    price: float = 0.0
    renames: bool = False


@dataclass(frozen=True)
class Proposal:
    """Moves (module, package) in the order in which each gains most, and the coupling at both ends.

    gains: by how many pairs of modules across packages each move lowers it, those before it made.
    """

    moves: tuple[tuple[str, str], ...]
    gains: tuple[int, ...]
    before: CrossPackage
    after: CrossPackage

    @property
    def reached(self) -> float:
        """Share of the pairs across packages that are gone, shims not counted."""
        return 1 - self.after.pairs / self.before.pairs if self.before.pairs else 0.0

    @property
    def reached_net(self) -> float:
        """The same with a pair more for a shim at each old path."""
        return 1 - (self.after.pairs + len(self.moves)) / self.before.pairs if self.before.pairs else 0.0
