"""What all plots share: colours, a figure's frame, and SVG that is the same whenever the content is."""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's, which people with any colour vision tell apart (https://jfly.uni-koeln.de/color/).
BLUE, ORANGE, VERMILION, GREEN, SKY = "#0072b2", "#e69f00", "#d55e00", "#009e73", "#56b4e9"
INK, FAINT, PAPER, RULE, EDGE = "#1c2330", "#5b6475", "#fbfbfd", "#dfe3ea", "#b4bcc9"
# The same for who reads on a dark screen: as far from their paper, and from each other.
NIGHT: Mapping[str, str] = {
    BLUE: "#6cb8ff",
    ORANGE: "#f2b632",
    VERMILION: "#ff7a3d",
    GREEN: "#2fc79a",
    SKY: "#3f7fb0",
    INK: "#e6e9ef",
    FAINT: "#9aa4b5",
    PAPER: "#161b24",
    RULE: "#2d3544",
    EDGE: "#4d586b",
}
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
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
}
_PNG_DPI = 160


@dataclass(frozen=True)
class Picture:
    """`size` in inches; `paint` draws on the figure and returns what its legend explains.

    name: begins the ids of the SVG, so that a page can hold several. title: for who cannot see it; none of a model's.
    """

    name: str
    title: str
    size: tuple[float, float]
    paint: "Callable[[Figure], list[Artist]]"

    def svg(self) -> str:
        """To be put into a page. matplotlib is imported when this is called."""
        svg = self._saved("svg", metadata={"Date": None, "Creator": None}).decode()
        return _embeddable(svg, self.name, self.title)

    def png(self) -> bytes:
        """The same as a file of its own, for whatever shows pictures."""
        return self._saved("png", dpi=_PNG_DPI)

    def _saved(self, form: str, **options: Any) -> bytes:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        buffer = io.BytesIO()
        with rc_context({**_STYLE, "svg.hashsalt": self.name}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing")  # a name in another script
            figure = Figure(figsize=self.size, layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
            handles = self.paint(figure)
            if handles:
                columns = 4 if len(handles) > 3 else 3
                figure.legend(handles=handles, loc="outside lower left", ncols=columns, frameon=False, fontsize=9)
            figure.savefig(buffer, format=form, **options)
        return buffer.getvalue()


def panel(axes: "Axes", title: str = "") -> "Axes":
    """Axes with a title on the left and no frame above and to the right of them."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", pad=10)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def themed(svg: str) -> str:
    """The picture with colours that the page chooses (CSS variables), and the light ones where it does not."""
    for colour in NIGHT:
        svg = svg.replace(colour, f"var({variable(colour)}, {colour})")
    return svg


def variable(colour: str) -> str:
    """Name of the CSS variable of a colour."""
    return f"--c{colour[1:]}"


def _embeddable(svg: str, name: str, title: str) -> str:
    """Without the XML prologue, with ids of its own, and told to who cannot see it."""
    svg = svg[svg.index("<svg ") :]
    svg = re.sub(r'(\bid="|url\(#|href="#)', lambda found: f"{found[0]}{name}-", svg)
    # The title is one of ours, never a model's name: it needs no escaping.
    return svg.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
