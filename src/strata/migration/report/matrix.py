"""The dependency structure matrix (Steward 1981): a row and a column for each module, a mark where one imports another.

Modules that are imported stand before those that import them, package by package: marks below the diagonal go one way
only, marks above it are what closes cycles or climbs to a higher package.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from strata.pages import BLUE, EDGE, FAINT, INK, ORANGE, RULE, VERMILION, Picture, clean, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 400  # beyond them a row is a package
_LABELS = 40  # beyond them names would lie on each other
_HIGH = 5.0  # inches


@dataclass(frozen=True)
class Matrix:
    """Modules and what they import.

    order: dotted names, those that are imported before those that import them. package: of each module.
    edges: (importer, imported); names that are not in `order` are left out.
    """

    title: str
    order: tuple[str, ...]
    package: Mapping[str, str]
    edges: frozenset[tuple[str, str]]

    def across(self) -> int:
        """Edges between modules of different packages."""
        return sum(self.package[a] != self.package[b] for a, b in self.edges)


def matrix_plot(matrices: Sequence[Matrix]) -> Picture:
    """The matrices beside each other, such as before and after."""

    def paint(figure: "Figure") -> "list[Artist]":
        from matplotlib.lines import Line2D

        axes = figure.subplots(1, len(matrices), squeeze=False)[0]
        for place, matrix in zip(axes, matrices, strict=True):
            _draw(place, _readable(matrix))
        return [
            Line2D([], [], marker="s", linestyle="", color=colour, label=label)
            for colour, label in (
                (BLUE, "inside a package"),
                (ORANGE, "to another package"),
                (VERMILION, "against the order: a cycle, or up to a higher package"),
            )
        ]

    width = 5.6 * len(matrices)
    return Picture("matrix", "Which module imports which", (max(width, 7.0), _HIGH), paint)


def _readable(matrix: Matrix) -> Matrix:
    """The matrix, or for a large project the one of its packages."""
    if len(matrix.order) <= MOST_ROWS:
        return _by_package(matrix)
    packages = tuple(dict.fromkeys(matrix.package[name] for name in _by_package(matrix).order))
    edges = frozenset(
        (matrix.package[a], matrix.package[b]) for a, b in matrix.edges if matrix.package[a] != matrix.package[b]
    )
    return Matrix(f"{matrix.title}, by package", packages, {name: name for name in packages}, edges)


def _by_package(matrix: Matrix) -> Matrix:
    """Modules of one package stand together, packages in the order of where their modules stand on average."""
    ranks: dict[str, list[int]] = defaultdict(list)
    for rank, name in enumerate(matrix.order):
        ranks[matrix.package[name]].append(rank)
    mean = {package: sum(found) / len(found) for package, found in ranks.items()}
    place = {name: rank for rank, name in enumerate(matrix.order)}
    order = sorted(matrix.order, key=lambda name: (mean[matrix.package[name]], matrix.package[name], place[name]))
    return Matrix(matrix.title, tuple(order), matrix.package, matrix.edges)


def _draw(axes: "Axes", matrix: Matrix) -> None:
    place = {name: rank for rank, name in enumerate(matrix.order)}
    size = len(matrix.order)
    panel(axes, clean(f"{matrix.title}: {matrix.across():,} imports across packages", 80))
    colours: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for importer, imported in sorted(matrix.edges):
        row, column = place[importer], place[imported]
        inside = matrix.package[importer] == matrix.package[imported]
        colours[VERMILION if column > row else BLUE if inside else ORANGE].append((row, column))
    side = max(1.2, min(9.0, 260 / max(size, 1)))  # points
    for colour, marks in colours.items():
        rows, columns = zip(*marks, strict=True)
        axes.scatter(columns, rows, marker="s", s=side**2, color=colour, linewidths=0, zorder=3)
    axes.plot([-0.5, size - 0.5], [-0.5, size - 0.5], color=EDGE, linewidth=0.8, zorder=1)
    start = 0
    for package, names in groupby(matrix.order, key=lambda name: matrix.package[name]):
        count = len(list(names))
        if count > 1:
            corner = start - 0.5
            axes.plot(
                [corner, corner + count, corner + count, corner, corner],
                [corner, corner, corner + count, corner + count, corner],
                color=FAINT,
                linewidth=0.8,
                zorder=2,
            )
        if count >= max(2, size / 30) and size > _LABELS:
            label = clean(package, 40) or "."
            axes.text(-size / 60, start + (count - 1) / 2, label, ha="right", va="center", fontsize=7, color=INK)
        start += count
    axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xticks=[])
    if size <= _LABELS:
        axes.set_yticks(range(size), [clean(name, 44) for name in matrix.order], fontsize=7)
    else:
        axes.set_yticks([])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for edge in axes.spines.values():
        edge.set(visible=True, color=RULE)
