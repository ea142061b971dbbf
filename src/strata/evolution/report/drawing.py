"""What all plots share: colours, a figure's frame, and SVG that is the same whenever the content is."""

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

# Okabe and Ito's, which people with any colour vision tell apart (https://jfly.uni-koeln.de/color/).
BLUE, ORANGE, VERMILION, GREEN, SKY = "#0072b2", "#e69f00", "#d55e00", "#009e73", "#56b4e9"
INK, FAINT, PAPER, RULE = "#1c2330", "#5b6475", "#fbfbfd", "#dfe3ea"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 10,
    "svg.fonttype": "path",  # looks the same whichever fonts a reader has
    "text.parse_math": False,  # names are not TeX
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "axes.edgecolor": RULE,
    "axes.facecolor": PAPER,
    "figure.facecolor": PAPER,
}


def draw(name: str, title: str, size: tuple[float, float], paint: Callable[["Axes"], list["Artist"]]) -> str:
    """An SVG picture of `size` inches with what `paint` draws, and a legend of what it returns.

    `name` begins the picture's ids, so that a page can hold several. matplotlib is imported when this is called.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    buffer = io.StringIO()
    with rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in another script
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=12)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        handles = paint(axes)
        if handles:
            figure.legend(handles=handles, loc="outside lower left", ncols=5, frameon=False, fontsize=9)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _embeddable(buffer.getvalue(), name, title)


def _embeddable(svg: str, name: str, title: str) -> str:
    """Without the XML prologue, with ids of its own, and told to who cannot see it."""
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r'(\bid="|url\(#|href="#)', lambda found: f"{found[0]}{name}-", svg)
    # The title is one of ours, never a model's name: it needs no escaping.
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
