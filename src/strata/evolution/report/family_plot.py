"""A family tree as a plot: generations from left to right, a line from every parent to its child."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from strata.evolution.report.contents import Relative, Role
from strata.pages import BLUE, EDGE, FAINT, GREEN, INK, ORANGE, PAPER, VERMILION, Picture, clean, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MOST_RELATIVES = 60
_STAGGER = (0.0, -0.45, 0.45)  # rows that a column is moved by, lest lines that pass it seem to end in it
STYLES: dict[Role, tuple[str, str]] = {  # colour and marker by role
    "": (FAINT, "o"),
    "champion": (BLUE, "*"),
    "former champion": (GREEN, "s"),
    "candidate": (ORANGE, "D"),
    "rolled back": (VERMILION, "X"),
}


def family_plot(family: Sequence[Relative]) -> Picture:
    """The tree of these models, of the latest 60 where there are more; parents that are not among them are left out."""
    shown = sorted(family, key=lambda each: (each.generation or 0, each.digest))[-MOST_RELATIVES:]
    places = _places(shown)
    heights = [y for _, y in places.values()] or [0.0]
    rows = max(heights) - min(heights) + 1
    columns = max((x for x, _ in places.values()), default=0) + 1
    size = (max(8.4, 1.15 * columns + 0.9), 1.5 + 0.5 * rows)
    hidden = len(family) - len(shown)
    return Picture(
        "family", "Family tree", size, lambda figure: _paint(panel(figure.add_subplot()), shown, places, hidden)
    )


def _places(family: Sequence[Relative]) -> Mapping[str, tuple[int, float]]:
    """Column and row of each: a column for each generation that is there, in it by the mean row of the parents.

    That order keeps lines from crossing (the barycentre heuristic of Sugiyama, Tagawa and Toda, 1981).
    """
    layers: dict[int, list[Relative]] = defaultdict(list)
    for relative in family:
        layers[relative.generation or 0].append(relative)
    most = max((len(layer) for layer in layers.values()), default=1)
    places: dict[str, tuple[int, float]] = {}
    for column, generation in enumerate(sorted(layers)):
        layer = sorted(layers[generation], key=lambda each: (_mean_row(each, places), each.name, each.digest))
        gap = most / len(layer)
        low = gap * 0.5 - 0.5 + _STAGGER[column % len(_STAGGER)]
        places |= {each.digest: (column, low + gap * row) for row, each in enumerate(layer)}
    return places


def _mean_row(relative: Relative, places: Mapping[str, tuple[int, float]]) -> float:
    rows = [places[parent][1] for parent in relative.parents if parent in places]
    return sum(rows) / len(rows) if rows else 0.0


def _paint(
    axes: "Axes", family: Sequence[Relative], places: Mapping[str, tuple[int, float]], hidden: int
) -> list["Artist"]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyArrowPatch

    for relative in family:
        for parent in relative.parents:
            if parent in places:
                start, end = places[parent], places[relative.digest]
                bend = 0.0 if end[0] - start[0] == 1 else 0.12  # past the models in between
                colour = FAINT if relative.role else EDGE
                line = FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", arrowstyle="-", color=colour)
                axes.add_patch(line)
    for relative in family:
        x, y = places[relative.digest]
        colour, marker = STYLES[relative.role]
        hollow = relative.generation is None and not relative.role
        axes.plot(
            [x],
            [y],
            marker,
            color=colour,
            markerfacecolor=PAPER if hollow else colour,
            markersize=14 if marker == "*" else 8,
            zorder=3,
        )
        axes.annotate(
            clean(relative.name, 16),
            (x, y),
            xytext=(0, -9),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
            color=INK,
            fontweight="bold" if relative.role == "champion" else "normal",
            zorder=4,
            bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 0.6, "alpha": 0.85},
        )
    columns = sorted({relative.generation or 0 for relative in family})
    axes.set_xticks(range(len(columns)), ["founders" if each == 0 else f"generation {each}" for each in columns])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(-0.6, len(columns) - 0.4)
    if places:
        rows = [y for _, y in places.values()]
        axes.set_ylim(max(rows) + 0.8, min(rows) - 0.5)
    if hidden:
        axes.set_xlabel(f"{hidden} older models are not shown")
    legend: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=8, label=role or "other child")
        for role, (colour, marker) in STYLES.items()
        if any(relative.role == role and (role or relative.generation is not None) for relative in family)
    ]
    if any(relative.generation is None and not relative.role for relative in family):
        legend.append(founder_mark())
    return legend


def founder_mark() -> "Artist":
    """A founder that has no other role, for a legend: hollow."""
    from matplotlib.lines import Line2D

    mark = Line2D([], [], color=FAINT, marker="o", linestyle="", markersize=7, label="founder")
    mark.set_markerfacecolor(PAPER)
    return mark
