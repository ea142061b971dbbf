"""The models of a Pareto front as a plot: a row for each, a column for each domain."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from strata.evolution.report.contents import FrontModel
from strata.evolution.report.family_plot import STYLES, founder_mark
from strata.pages import EDGE, FAINT, INK, PAPER, Picture, clean, panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_ROWS = 30


def front_plot(front: Sequence[FrontModel]) -> Picture:
    """Every model's score in every domain, the first 30 models; the best of a domain is told in bold."""
    shown = front[:MOST_ROWS]
    return Picture(
        "front",
        "Scores by domain of the models that no other beats everywhere",
        (8.4, 1.3 + 0.3 * max(len(shown), 2)),
        lambda figure: _paint(figure, shown),
    )


def _paint(figure: "Figure", front: Sequence[FrontModel]) -> list["Artist"]:
    from matplotlib.lines import Line2D

    domains = list(front[0].scores) if front else ["score"]
    panels: list[Axes] = list(figure.subplots(1, len(domains), sharey=True, squeeze=False)[0])
    for domain, axes in zip(domains, panels, strict=True):
        _domain(panel(axes, clean(domain, 14)), [model.scores[domain] for model in front], front)
    panels[0].set_yticks(range(len(front)), [clean(model.name, 22) for model in front], fontsize=9)
    for label, model in zip(panels[0].get_yticklabels(), front, strict=True):
        label.set_fontweight("bold" if model.role == "champion" else "normal")
    panels[0].set_ylim(max(len(front), 1) - 0.4, -0.6)
    return [
        *(
            Line2D([], [], color=colour, marker=marker, linestyle="", markersize=7, label=role or "other child")
            for role, (colour, marker) in STYLES.items()
            if any(model.role == role and (role or not model.founder) for model in front)
        ),
        *(founder_mark() for _ in range(any(model.founder and not model.role for model in front))),
    ]


def _domain(axes: "Axes", values: Sequence[float], front: Sequence[FrontModel]) -> None:
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(high - low, 0.01)
    axes.set_xlim(low - 0.15 * room, high + 0.75 * room)  # on the right the figures
    for row, (value, model) in enumerate(zip(values, front, strict=True)):
        colour, marker = STYLES[model.role]
        axes.plot([low - 0.15 * room, value], [row, row], color=EDGE, linewidth=1.2, zorder=1)
        size = 11 if marker == "*" else 6.5
        if model.founder and not model.role:
            axes.plot([value], [row], marker, color=colour, markerfacecolor=PAPER, markersize=size - 0.5, zorder=3)
        else:
            axes.plot([value], [row], marker, color=colour, markersize=size, markeredgecolor=PAPER, zorder=3)
        axes.annotate(
            f"{value:.3f}",
            (value, row),
            (6, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=INK if value == high else FAINT,
            fontweight="bold" if value == high else "normal",
        )
    axes.set_xlabel("share of items right", fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="x", labelsize=8)
