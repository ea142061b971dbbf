"""How fast a node decodes, counted while it works: in blocks, so that a reader sees how much the figure varies.

What is counted is the time in which at least one decode step is here, from when it is taken up until it has been sent
on, and how many rows (sequences) those steps had. So it includes all that a step costs this machine, not the products
alone; several sessions that wait for each other, or are computed together, count their common time once; and for a node
that never runs dry, seconds by rows are its throughput. Prompts are counted apart: while one is here, decode steps
are not counted. A block goes on after a prompt, so that short answers add up to blocks, too, unless a decode step was
here when the prompt came or went: part of its time is the prompt's.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from strata.inference.protocol.messages import MAX_BLOCKS, PaceBlock

BLOCK_STEPS = 8
BLOCK_SECONDS = 0.25  # since the block began: shorter ones would all see the same hiccup


class PaceCounter:
    """Counts the steps of all sessions on the shard that the node holds; `reset` it when that changes.

    clock: seconds; any that does not go backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._blocks: deque[tuple[float, float, int]] = deque(maxlen=MAX_BLOCKS)
        self.reset()

    def reset(self) -> None:
        """Forget what was counted; steps that are under way end uncounted."""
        self._blocks.clear()
        self._decoding = self._prompts = 0
        self._generation = object()
        self._last = self._clock()
        self.prompt_seconds = 0.0
        self.prompt_rows = 0
        self._begin()

    @contextmanager
    def step(self, rows: int, tokens: int, more: bool) -> Iterator[None]:
        """Count what happens within the block as a step of `tokens` tokens of each of `rows` rows.

        It is a prompt's, unless it has one token and nothing follows that belongs to it (`more`).
        """
        generation, prompt = self._generation, more or tokens > 1
        self._advance()
        if prompt:
            self._break()
            self._prompts += 1
        else:
            if not self._steps and not self._decoding:
                self._begin()
            self._decoding += 1
        done = False
        try:
            yield
            done = True
        finally:
            if generation is self._generation:
                self._advance()
                if prompt:
                    self._prompts -= 1
                    self.prompt_rows += rows * tokens * done
                    self._break()
                else:
                    self._decoding -= 1
                    if done and not self._prompts:
                        self._count(rows)

    def blocks(self) -> tuple[PaceBlock, ...]:
        """The latest blocks, the oldest first."""
        now = self._clock()
        return tuple(
            PaceBlock(seconds=seconds, rows=rows, age=max(0.0, now - began)) for began, seconds, rows in self._blocks
        )

    def _advance(self) -> None:
        """Add the time since the last event to what was going on."""
        now = self._clock()
        if self._prompts:
            self.prompt_seconds += now - self._last
        elif self._decoding:
            self._seconds += now - self._last
        self._last = now

    def _break(self) -> None:
        if self._decoding:
            self._begin()

    def _begin(self) -> None:
        self._began, self._seconds, self._steps, self._rows = self._last, 0.0, 0, 0

    def _count(self, rows: int) -> None:
        self._steps += 1
        self._rows += rows
        if self._steps >= BLOCK_STEPS and self._last - self._began >= BLOCK_SECONDS:
            self._blocks.append((self._began, self._seconds, self._rows))
            self._begin()
