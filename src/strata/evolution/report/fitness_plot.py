"""Fitness by generation, and the verdict on each one's candidate, as one plot."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from strata.evolution.report.contents import FELL, GenerationResult
from strata.pages import BLUE, EDGE, FAINT, INK, ORANGE, PAPER, SKY, VERMILION, Picture, clean, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_GENERATIONS = 200
FEW = 12  # generations, of which each has room for a word
VERDICTS = {  # colour and marker
    "promote": (BLUE, "o"),
    "inconclusive": (ORANGE, "D"),
    "regress": (VERMILION, "X"),
}


def fitness_plot(generations: Sequence[GenerationResult]) -> Picture:
    """Above: the champion's fitness as a line, that of all children as points. Below: each candidate's gain."""
    shown = sorted(generations, key=lambda each: each.generation)[-MOST_GENERATIONS:]
    judged = any(each.gain is not None and each.gain.known for each in shown)
    return Picture(
        "fitness",
        "Fitness by generation, and the gain of each generation's candidate over the champion",
        (8.4, 5.6 if judged else 3.6),
        lambda figure: _paint(figure, shown, judged),
    )


def _paint(figure: "Figure", generations: Sequence[GenerationResult], judged: bool) -> list["Artist"]:
    from matplotlib.lines import Line2D

    ratios = [3, 2] if judged else [1]
    panels: list[Axes] = list(figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)[:, 0])
    legend = _fitness(panel(panels[0], "Fitness by generation"), generations)
    if judged:
        _gains(
            panel(panels[1], "Verdicts: candidate minus champion (mean of domains), on items no search has seen"),
            generations,
        )
    legend += [
        Line2D([], [], color=colour, marker=marker, linestyle="", markersize=8, label=f"candidate: {verdict}")
        for verdict, (colour, marker) in VERDICTS.items()
        if any(each.verdict == verdict for each in generations)
    ]
    _number(panels[-1], generations)
    return legend


def _number(axes: "Axes", generations: Sequence[GenerationResult]) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("generation")
    numbers = [each.generation for each in generations]
    if not numbers:
        return
    begin = numbers[0] - 1 if generations[0].before is not None else numbers[0]
    axes.set_xlim(begin - 0.5, numbers[-1] + 0.5)
    if len(numbers) > FEW:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    ticks = range(begin, numbers[-1] + 1)
    axes.set_xticks(list(ticks), ["before" if each < numbers[0] else str(each) for each in ticks])


def _fitness(axes: "Axes", generations: Sequence[GenerationResult]) -> list["Artist"]:
    children = [(each.generation, value) for each in generations for value in each.children if math.isfinite(value)]
    line = [(each.generation, each.champion) for each in generations if each.champion is not None]
    if generations and generations[0].before is not None:
        line.insert(0, (generations[0].generation - 1, generations[0].before))
    fallen = [after for before, after in pairwise(line) if after[1] < before[1]]
    legend: list[Artist] = [
        *axes.plot(*_columns(line), "-", color=BLUE, linewidth=2.2, label="champion", zorder=2),
        *axes.plot(*_columns(children), "o", color=SKY, markersize=5, markeredgewidth=0, label="other children"),
    ]
    lost = [(each.generation, each.candidate) for each in generations if each.ending == FELL and each.candidate]
    if lost:
        (ring,) = axes.plot(
            *_columns(lost), "o", color=VERMILION, markerfacecolor="none", markersize=15, markeredgewidth=2, zorder=3
        )
        ring.set_label(FELL)
        legend.append(ring)
    for each in generations:
        if each.candidate is not None and each.verdict in VERDICTS:
            colour, marker = VERDICTS[each.verdict]
            axes.plot(
                [each.generation], [each.candidate], marker, color=colour, markersize=9, markeredgecolor=PAPER, zorder=4
            )
    if fallen:
        legend += axes.plot(*_columns(fallen), "v", color=INK, markersize=9, label="champion fell", zorder=3)
    axes.grid(axis="y")
    axes.set_ylabel("fitness (weighted share\nof search items right)")
    return legend


def _gains(axes: "Axes", generations: Sequence[GenerationResult]) -> None:
    axes.axhline(0, color=FAINT, linewidth=1, zorder=1)
    for each in generations:
        if each.gain is None or not each.gain.known:
            continue
        colour, marker = VERDICTS.get(each.verdict, (EDGE, "o"))
        low, high = each.gain.low, each.gain.high
        axes.plot([each.generation] * 2, [low, high], color=colour, linewidth=2.6, solid_capstyle="butt", zorder=3)
        axes.plot(
            [each.generation],
            [each.gain.difference],
            marker,
            color=colour,
            markersize=9,
            markeredgecolor=PAPER,
            zorder=4,
        )
        if len(generations) <= FEW:
            words = f"worse in {', '.join(each.affected)}" if each.affected else each.verdict
            words += f", {FELL}" if each.ending == FELL else ""
            place = (each.generation, high)
            axes.annotate(
                clean(words, 30), place, (0, 4), textcoords="offset points", ha="center", fontsize=8.5, color=INK
            )
    axes.margins(y=0.2)
    axes.grid(axis="y")
    level = {each.level for each in generations if each.gain is not None}
    axes.set_ylabel(f"difference\n({_percent(level)} interval)")


def _percent(levels: Iterable[float]) -> str:
    return " or ".join(f"{level:.0%}" for level in sorted(levels))


def _columns(points: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
