"""What `strata generate` shows: bars while shards travel (stderr), the answers as they are written (stdout), tables."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.table import Table

from strata.inference import AnswerStream, DistributionBars, DistributionProgress, GenerationResult, Survey


class Terminal:
    """A context manager; `quiet` shows the bars only where stderr is a terminal, and nothing on stdout."""

    def __init__(self, prompts: Sequence[str], *, quiet: bool) -> None:
        self._out = Console(highlight=False, quiet=quiet)
        errors = Console(stderr=True)
        self._bars = DistributionBars(errors, disable=quiet and not errors.is_terminal)
        self._answers = AnswerStream(self._out, prompts)
        self._stack = ExitStack()
        self._moving = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def progress(self, progress: DistributionProgress) -> None:
        """Move the bar of one node; they appear with the first, so that a mistake is told without any."""
        if not self._moving:
            self._stack.enter_context(self._bars)
            self._moving = True
        self._bars.show(progress.node, progress.bytes_done, progress.bytes_total)

    def text(self, row: int, piece: str) -> None:
        """Take the next piece of an answer; the bars have done their work then."""
        self._stack.close()
        self._answers(row, piece)

    def finish(self, result: GenerationResult, alone: GenerationResult | None, survey: Survey | None) -> None:
        """Write what was held back and the tables."""
        self._stack.close()
        self._answers.finish()
        from strata.inference import recovery_rows, speculation_sentence, speed_rows, stage_rows

        for rows in filter(None, (recovery_rows(result), stage_rows(result), speed_rows(result, alone))):
            table = Table()
            for column in rows[0]:
                table.add_column(column, justify="left" if column == "node" else "right")
            for row_values in rows:
                table.add_row(*row_values.values())
            self._out.print(table)
        if survey is not None:
            self._out.print(survey.sentence(time.time()))
        if result.drafted:
            self._out.print(speculation_sentence(result))
