"""How whole a mesh was, sweep by sweep."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strata.mesh.sweep import Moment
from strata.pages import BLUE, FAINT, INK, Picture, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


def uptime_plot(past: Sequence[Moment]) -> Picture:
    """Share of members that lived, and of the ordered pairs of these that had a path, over time (UTC)."""

    def paint(figure: "Figure") -> "list[Artist]":
        import numpy
        from matplotlib.dates import ConciseDateFormatter

        axes = panel(figure.add_subplot(), "Sweep by sweep")
        times = numpy.array([moment.at.replace(tzinfo=None) for moment in past], dtype="datetime64[us]")  # in UTC
        alive = [moment.alive / moment.members if moment.members else 0.0 for moment in past]
        legend: list[Artist] = [
            *axes.plot(times, alive, "o-", color=FAINT, markersize=4, linewidth=1.4, label="members that live"),
            *axes.plot(
                times,
                [moment.reach for moment in past],
                "o-",
                color=BLUE,
                markersize=5,
                linewidth=2.2,
                label="pairs of living members with a path",
            ),
        ]
        ticks = ConciseDateFormatter(axes.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_formatter(ticks)
        axes.set_ylim(-0.04, 1.06)
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_xlabel("time of the sweep (UTC)", color=INK)
        axes.grid(axis="y")
        return legend

    return Picture("uptime", "How whole the mesh was over time", (8.4, 3.2), paint)
