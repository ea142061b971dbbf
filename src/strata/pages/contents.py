"""What a page is made of: plain texts, tables of them, and pictures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from strata.pages.drawing import Picture

Severity = Literal["none", "low", "medium", "high"]
MOST_TEXT = 400  # characters of any text that is shown
MOST_NOTE = 1000  # of what explains a table
MOST_ROWS = 50


@dataclass(frozen=True)
class Section:
    """A table with a head, and perhaps a picture.

    rows: unescaped; left_out: so many others; numbers: columns of figures; note: what they mean.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int = 0
    numbers: frozenset[int] = frozenset()
    picture: Picture | None = None
    note: str = ""


@dataclass(frozen=True)
class Page:
    """What was found in one word and in a few sentences, what was done about it step by step, and all the rest."""

    title: str
    verdict: str
    severity: Severity
    summary: str
    done: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()


def section(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Iterable[int] = (),
    *,
    picture: Picture | None = None,
    note: str = "",
    first: bool = False,
) -> Section:
    """A section that shows the last rows, or with `first` the first ones, and says how many it leaves out."""
    shown = rows[:MOST_ROWS] if first else rows[-MOST_ROWS:]
    return Section(title, head, shown, len(rows) - len(shown), frozenset(numbers), picture, note)


def clean(text: str, most: int = MOST_TEXT) -> str:
    """One line without control characters, shortened to `most` characters with "…"."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"
