"""Plots of a judgement and of a history, as SVG."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from strata.evolution.report.contents import DomainResult, GenerationResult, Outlook, clean, signed
from strata.evolution.report.drawing import BLUE, FAINT, INK, ORANGE, RULE, SKY, VERMILION, draw

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

OUTLOOKS: dict[Outlook, tuple[str, str, str]] = {  # colour, marker, words
    "held": (BLUE, "o", "no worse than allowed"),
    "open": (ORANGE, "D", "undecided"),
    "lost": (VERMILION, "X", "worse than allowed"),
}
MOST_GENERATIONS = 200


def difference_plot(domains: Sequence[DomainResult]) -> str:
    """Each domain's difference with its interval, against the drop that its margin allows."""
    known = [result for result in domains if result.known]
    return draw(
        "differences",
        "Candidate minus champion, by domain",
        (8.4, 1.9 + 0.5 * max(len(known), 2)),
        lambda axes: _differences(axes, known),
    )


def _differences(axes: "Axes", results: Sequence[DomainResult]) -> list["Artist"]:
    from matplotlib.lines import Line2D

    rows = range(len(results))
    low = min((min(result.low, -result.margin) for result in results), default=-0.1)
    high = max((max(result.high, 0.0) for result in results), default=0.1)
    room = max(high - low, 1e-6) * 0.08
    axes.set_xlim(low - room, high + room)
    axes.set_ylim(len(results) - 0.45, -0.55)
    axes.axvline(0, color=FAINT, linewidth=1, zorder=1)
    for row, result in zip(rows, results, strict=True):
        colour, marker, _ = OUTLOOKS[result.outlook]
        # What a drop must not reach: from the margin to the left edge.
        axes.fill_betweenx([row - 0.32, row + 0.32], low - room, -result.margin, color=VERMILION, alpha=0.10, lw=0)
        axes.plot([-result.margin] * 2, [row - 0.32, row + 0.32], color=VERMILION, linewidth=1.6)
        axes.plot([result.low, result.high], [row, row], color=colour, linewidth=2.6, solid_capstyle="butt", zorder=3)
        axes.plot([result.difference], [row], marker, color=colour, markersize=8, markeredgecolor="white", zorder=4)
        figures = f"{signed(result.difference)}  [{signed(result.low)}, {signed(result.high)}]  n={result.items}"
        axes.annotate(figures, (1.015, row), xycoords=("axes fraction", "data"), va="center", fontsize=9, color=INK)
    axes.set_yticks(list(rows), [clean(result.domain, 18) for result in results])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("difference of mean scores, with interval")
    legend: list[Artist] = [
        Line2D([], [], color=colour, marker=marker, linewidth=2.6, label=words)
        for colour, marker, words in OUTLOOKS.values()
        if any(OUTLOOKS[result.outlook][2] == words for result in results)
    ]
    return [*legend, Line2D([], [], color=VERMILION, linewidth=1.6, label="the drop that is allowed")]


def fitness_plot(generations: Sequence[GenerationResult]) -> str:
    """The champion's fitness after each generation as a line, those of all children as points."""
    shown = sorted(generations, key=lambda each: each.generation)[-MOST_GENERATIONS:]
    return draw("fitness", "Fitness by generation", (8.4, 3.6), lambda axes: _fitness(axes, shown))


def _fitness(axes: "Axes", generations: Sequence[GenerationResult]) -> list["Artist"]:
    from matplotlib.ticker import MaxNLocator

    points = [(each.generation, value) for each in generations for value in each.children if math.isfinite(value)]
    line = [(each.generation, each.champion) for each in generations if each.champion is not None]
    fallen = [after for before, after in pairwise(line) if after[1] < before[1]]
    legend: list[Artist] = [
        *axes.plot(*_columns(points), "o", color=SKY, alpha=0.75, markersize=5, markeredgewidth=0, label="children"),
        *axes.plot(*_columns(line), "-o", color=BLUE, linewidth=2.2, markersize=5, label="champion", zorder=3),
    ]
    if fallen:
        (marks,) = axes.plot(*_columns(fallen), "X", color=VERMILION, markersize=10, label="champion fell", zorder=4)
        marks.set_markeredgecolor("white")
        legend.append(marks)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    numbers = [each.generation for each in generations]
    if numbers:
        axes.set_xlim(min(numbers) - 0.5, max(numbers) + 0.5)
    axes.grid(axis="y", color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("generation")
    axes.set_ylabel("fitness")
    return legend


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
