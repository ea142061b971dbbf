"""A picture of the mesh: members on a circle, the links between them, and what is weak.

A member has the same place in every picture of the same mesh, so that two of them can be compared.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from strata.mesh.network import Pair
from strata.mesh.sweep import Change, Mended, Sweep, sweep_sentence
from strata.pages import BLUE, EDGE, FAINT, GREEN, INK, ORANGE, PAPER, VERMILION, Picture, clean, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NAMED = 60  # beyond them names would lie on each other
_SIDE = 5.2  # inches of one mesh

# colour, width and dashes of a link; the first that fits is taken
_LINKS: Mapping[str, tuple[str, float, Literal["-", ":"]]] = {
    "added": (GREEN, 2.4, "-"),
    "dropped": (FAINT, 1.2, ":"),
    "its loss would cut the mesh": (VERMILION, 2.4, "-"),
    "link": (EDGE, 1.4, "-"),
}
# colour, marker and whether it is hollow
_MEMBERS: Mapping[str, tuple[str, str, bool]] = {
    "dead": (FAINT, "X", False),
    "its loss would cut the mesh": (ORANGE, "D", False),
    "not reached from here": (BLUE, "o", True),
    "alive": (BLUE, "o", False),
}


def mesh_plot(mended: Mended) -> Picture:
    """The mesh as a round found it and, beside it, as it left it, with the links that it added and dropped."""
    sweeps = (mended.sweeps[0], mended.sweeps[-1]) if len(mended.sweeps) > 1 else mended.sweeps
    change = mended.applied.change if mended.applied and mended.reverted is None else Change()

    titles = ("Before: ", "After: ") if len(sweeps) > 1 else ("",)

    def paint(figure: "Figure") -> "list[Artist]":
        axes = figure.subplots(1, len(sweeps), squeeze=False)[0]
        used: set[tuple[str, str]] = set()
        for place, title, sweep in zip(axes, titles, sweeps, strict=True):
            used |= _draw(place, title, sweep, change if sweep is sweeps[-1] else Change())
        return _legend(used)

    return Picture("mesh", "The mesh and its weak spots", (_SIDE * len(sweeps), _SIDE + 0.8), paint)


def _draw(axes: "Axes", title: str, sweep: Sweep, change: Change) -> set[tuple[str, str]]:
    members = sweep.discovery.members
    places = {name: _place(at, len(members)) for at, name in enumerate(members)}
    used: set[tuple[str, str]] = set()
    for ends in sorted({*sweep.network.links, *change.drop}):
        kind = _link(ends, sweep, change)
        colour, width, dashes = _LINKS[kind]
        (x, y), (to_x, to_y) = (places[end] for end in ends)
        axes.plot([x, to_x], [y, to_y], dashes, color=colour, linewidth=width, zorder=2 if kind == "link" else 3)
        used.add(("link", kind))
    for name, (x, y) in places.items():
        kind = _member(name, sweep)
        colour, marker, hollow = _MEMBERS[kind]
        face = PAPER if hollow else colour
        axes.plot([x], [y], marker, color=colour, markerfacecolor=face, markersize=11, zorder=4)
        used.add(("member", kind))
        if len(members) <= _NAMED:
            _name(axes, name, (x, y), dead=kind == "dead")
    there, _, hold = sweep_sentence(sweep).partition(": ")
    panel(axes, clean(f"{title}{there}", 60))
    axes.set_xlabel(clean(hold, 60), color=INK)
    axes.set_xlim(-1.45, 1.45)
    axes.set_ylim(-1.3, 1.3)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return used


def _place(at: int, count: int) -> tuple[float, float]:
    angle = math.pi / 2 - 2 * math.pi * at / max(count, 1)
    return math.cos(angle), math.sin(angle)


def _name(axes: "Axes", name: str, place: tuple[float, float], *, dead: bool) -> None:
    x, y = place
    side = "center" if abs(x) < 0.2 else "left" if x > 0 else "right"
    colour = FAINT if dead else INK
    axes.annotate(
        clean(name, 16),
        place,
        xytext=(11 * x, 13 * y),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=9,
        color=colour,
    )


def _link(ends: Pair, sweep: Sweep, change: Change) -> str:
    if ends in change.add:
        return "added"
    if ends not in sweep.network.links:
        return "dropped"
    return "its loss would cut the mesh" if ends in sweep.weak.bridges else "link"


def _member(name: str, sweep: Sweep) -> str:
    if name in sweep.discovery.dead:
        return "dead"
    if name in sweep.weak.articulation_points:
        return "its loss would cut the mesh"
    return "not reached from here" if name in sweep.discovery.silent else "alive"


def _legend(used: set[tuple[str, str]]) -> "list[Artist]":
    from matplotlib.lines import Line2D

    legend: list[Artist] = []
    for kind, (colour, marker, hollow) in _MEMBERS.items():
        if ("member", kind) in used:
            face = PAPER if hollow else colour
            label = f"member: {kind}"
            legend.append(Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor=face, label=label))
    for kind, (colour, width, dashes) in _LINKS.items():
        if ("link", kind) in used:
            label = kind if kind == "link" else f"link: {kind}"
            legend.append(Line2D([], [], linestyle=dashes, color=colour, linewidth=width, label=label))
    return legend
