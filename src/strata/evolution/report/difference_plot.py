"""One model against another, domain by domain, as a plot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strata.evolution.report.contents import Comparison, DomainResult, Outlook, signed
from strata.pages import BLUE, FAINT, INK, ORANGE, PAPER, VERMILION, Picture, clean, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

OUTLOOKS: dict[Outlook, tuple[str, str, str]] = {  # colour, marker, words
    "held": (BLUE, "o", "no worse than allowed"),
    "open": (ORANGE, "D", "undecided"),
    "lost": (VERMILION, "X", "dropped"),
}


def difference_plot(comparison: Comparison, number: int = 1) -> Picture:
    """Each domain's difference with its interval, against the drop that its margin allows.

    number: unlike that of any other comparison of the page.
    """
    known = [result for result in comparison.domains if result.known]
    return Picture(
        f"differences{number}",
        "Differences of mean scores by domain, with intervals",
        (8.4, 1.7 + 0.46 * max(len(known), 2)),
        lambda figure: _differences(panel(figure.add_subplot()), comparison, known),
    )


def _differences(axes: "Axes", comparison: Comparison, results: Sequence[DomainResult]) -> list["Artist"]:
    from matplotlib.lines import Line2D

    rows = range(len(results))
    low = min((min(result.low, -result.margin) for result in results), default=-0.1)
    high = max((max(result.high, 0.0) for result in results), default=0.1)
    room = max(high - low, 1e-6) * 0.08
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(max(len(results), 1) - 0.45, -0.55)
    axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
    for row, result in zip(rows, results, strict=True):
        colour, marker, _ = OUTLOOKS[result.outlook]
        # What a drop must not reach: from the margin to the left edge.
        axes.fill_betweenx([row - 0.32, row + 0.32], low - room, -result.margin, color=VERMILION, alpha=0.10, lw=0)
        axes.plot([-result.margin] * 2, [row - 0.32, row + 0.32], color=VERMILION, linewidth=1.6)
        axes.plot([result.low, result.high], [row, row], color=colour, linewidth=2.6, solid_capstyle="butt", zorder=3)
        axes.plot([result.difference], [row], marker, color=colour, markersize=8, markeredgecolor=PAPER, zorder=4)
        figures = f"{signed(result.difference)}  [{signed(result.low)}, {signed(result.high)}]"
        axes.annotate(figures, (1.015, row), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK)
    axes.set_yticks(list(rows), [clean(result.domain, 18) for result in results])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel(
        f"difference of mean scores, {clean(comparison.model, 24)} minus {clean(comparison.reference, 24)}\n"
        f"bar: interval of {comparison.level:.0%}"
    )
    legend: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, linewidth=2.6, label=words)
        for outlook, (colour, marker, words) in OUTLOOKS.items()
        if any(result.outlook == outlook for result in results)
    ]
    return [*legend, Line2D([], [], color=VERMILION, linewidth=1.6, label="margin: a drop to here must not be")]
