"""Fitness by generation in characters: what a terminal can show of the plot."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from strata.evolution.report.contents import FELL, GenerationResult

if TYPE_CHECKING:
    from rich.text import Text

_LABELS = 7  # characters left of the chart
_NARROWEST, _WIDEST = 4, 13  # a generation's column
_CHAMPION, _CHILD = ("●", "blue"), ("∘", "cyan")
_CANDIDATES = {"inconclusive": ("◆", "yellow"), "regress": ("✕", "red")}
_WORDS = {"●": "champion", "∘": "child", "◆": "candidate, undecided", "✕": "candidate, worse in a domain"}


def fitness_chart(generations: Sequence[GenerationResult], width: int = 78, height: int = 12) -> "Text":
    """The champion as a line, children as points, of as many of the latest generations as `width` characters hold.

    The first column is the champion before them. Empty where there is nothing to draw.
    """
    from rich.text import Text

    most = (width - _LABELS) // _NARROWEST - 1
    shown = sorted(generations, key=lambda each: each.generation)[-max(most, 1) :]
    values = [value for each in shown for value in _values(each) if math.isfinite(value)]
    if not values:
        return Text()
    column = min(_WIDEST, (width - _LABELS) // (len(shown) + 1))
    grid = _Grid(min(values), max(values), height, column * (len(shown) + 1))
    middle = column // 2
    line = [(middle + column * (place + 1), each.champion) for place, each in enumerate(shown)]
    known = [(middle, shown[0].before), *line]
    grid.line([(x, value) for x, value in known if value is not None])
    for (x, champion), each in zip(line, shown, strict=True):
        for value in filter(math.isfinite, each.children):
            grid.put(x, value, *_CHILD)
        if champion is not None:
            grid.put(x, champion, *_CHAMPION)
        verdict = "regress" if each.ending == FELL else each.verdict
        if each.candidate is not None and verdict in _CANDIDATES:
            grid.put(x, each.candidate, *_CANDIDATES[verdict])
    text = grid.text()
    numbers = [str(each.generation) for each in shown]
    heads = ["before" if column > 6 else "", *numbers]
    text.append(" " * _LABELS + "".join(head.center(column) for head in heads).rstrip() + "\n")
    drawn = [(mark, words) for mark, words in _WORDS.items() if mark in text.plain]
    return text.append(" " * _LABELS + "   ".join(f"{mark} {words}" for mark, words in drawn))


def _values(each: GenerationResult) -> list[float]:
    return [*each.children, *(value for value in (each.before, each.champion, each.candidate) if value is not None)]


class _Grid:
    """Characters by row and column, with a scale of values from the lowest row to the highest."""

    def __init__(self, low: float, high: float, height: int, width: int) -> None:
        room = max(high - low, 1e-3)
        self._high, self._step = low + room, room / (height - 1)
        self._cells: list[list[tuple[str, str]]] = [[(" ", "")] * width for _ in range(height)]

    def put(self, x: int, value: float, mark: str, style: str) -> None:
        """A mark at the row of a value."""
        self._cells[self._row(value)][x] = (mark, style)

    def line(self, points: Sequence[tuple[int, float]]) -> None:
        """From point to point, with the step half way between them."""
        for (x, before), (end, after) in pairwise(points):
            start, goal, middle = self._row(before), self._row(after), (x + end) // 2
            for place in range(x, end + 1):
                self._cells[start if place < middle else goal][place] = ("─", "blue")
            rising = goal < start
            if start != goal:
                for row in range(min(start, goal) + 1, max(start, goal)):
                    self._cells[row][middle] = ("│", "blue")
                self._cells[start][middle] = ("╯" if rising else "╮", "blue")
                self._cells[goal][middle] = ("╭" if rising else "╰", "blue")

    def text(self) -> "Text":
        """All rows, each with its value on the left; no blanks at their ends."""
        from rich.text import Text

        text = Text()
        for row, cells in enumerate(self._cells):
            text.append(f"{self._high - row * self._step:.3f} ┤")
            last = max((place for place, (mark, _) in enumerate(cells) if mark != " "), default=-1)
            for mark, style in cells[: last + 1]:
                text.append(mark, style or None)
            text.append("\n")
        return text

    def _row(self, value: float) -> int:
        return round((self._high - value) / self._step)
