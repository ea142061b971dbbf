"""Simulated time: what is to happen when."""

import heapq
from collections.abc import Callable
from itertools import count
from typing import Any


class Agenda:
    """Things to do in order of their time; of the same time, in the order they were put down."""

    def __init__(self, now: float) -> None:
        self.now = now
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = count()

    def at(self, time: float, what: Callable[..., None], *arguments: Any) -> None:
        """Do that then."""
        heapq.heappush(self._heap, (time, next(self._count), what, arguments))

    def run(self, end: float) -> None:
        """Let time pass until `end`."""
        heap = self._heap
        while heap and heap[0][0] <= end:
            self.now, _, what, arguments = heapq.heappop(heap)
            what(*arguments)
        self.now = end
