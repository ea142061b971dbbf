"""What `strata generate` shows: bars while shards travel (stderr), the answers as they are written (stdout), tables."""

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.table import Table

if TYPE_CHECKING:
    from strata.inference import DistributionProgress, GenerationResult


class Terminal:
    """A context manager; `quiet` shows the bars only where stderr is a terminal, and nothing on stdout."""

    def __init__(self, prompts: Sequence[str], *, quiet: bool) -> None:
        self._prompts = prompts
        self._quiet = quiet
        self._out = Console(highlight=False)
        self._err = Console(stderr=True)
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            console=self._err,
            disable=quiet and not self._err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._later: dict[int, list[str]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self._bars)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def progress(self, progress: "DistributionProgress") -> None:
        """Move the bar of one node."""
        if progress.node not in self._tasks:
            self._tasks[progress.node] = self._bars.add_task(progress.node, total=progress.bytes_total)
        self._bars.update(self._tasks[progress.node], completed=progress.bytes_done)

    def text(self, row: int, piece: str) -> None:
        """Take the next piece of an answer: the first is written as it comes, the others when all have ended."""
        if self._quiet:
            return
        self._stack.close()
        if row:
            self._later.setdefault(row, []).append(piece)
        else:
            self._out.out(piece, end="")

    def finish(self, result: "GenerationResult", alone: "GenerationResult | None") -> None:
        """Write what was held back and the tables."""
        self._stack.close()
        if self._quiet:
            return
        from strata.inference import speed_rows, stage_rows

        self._out.out("")
        for row, pieces in sorted(self._later.items()):
            self._out.print(f"\n{self._prompts[row]}", style="bold", markup=False)
            self._out.out("".join(pieces))
        for rows in (stage_rows(result), speed_rows(result, alone)):
            table = Table()
            for column in rows[0]:
                table.add_column(column, justify="left" if column == "node" else "right")
            for row_values in rows:
                table.add_row(*row_values.values())
            self._out.print(table)
