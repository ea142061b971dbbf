"""What a run shows on the terminal while it works: one progress bar for each node, and the answer as it is written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from strata.inference import Plan, layer_span

console = Console(highlight=False)
"""Shared by the pipeline's stages; `console.quiet` silences them, as `--json` does."""


@contextmanager
def distribution_bars(plan: Plan) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each stage of `plan`; yields `update(node, bytes_done, bytes_total)`."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True), TransferSpeedColumn())
    with Progress(*columns, console=console) as progress:
        bars: dict[str, TaskID] = {
            stage.node: progress.add_task(
                f"  {stage.node}  layers {layer_span(stage.first, stage.last)}",
                total=stage.weight_bytes,
            )
            for stage in plan.stages
        }

        def update(node: str, done: int, total: int) -> None:
            progress.update(bars[node], completed=done, total=total)

        yield update


class AnswerStream:
    """Writes answers as their text arrives: the first one live, the others of a batch whole, when it has ended."""

    def __init__(self, prompts: list[str]) -> None:
        self._prompts = prompts
        self._later: dict[int, list[str]] = {}
        self.emitted = False

    def start(self) -> None:
        """Show the first prompt."""
        self._prompt(0)

    def __call__(self, row: int, text: str) -> None:
        """Take the next piece of answer `row`."""
        self.emitted = True
        if row:
            self._later.setdefault(row, []).append(text)
        else:
            console.out(text, end="")

    def finish(self) -> None:
        """Write what was held back."""
        console.out("")
        for row, pieces in sorted(self._later.items()):
            self._prompt(row)
            console.out("".join(pieces))

    def _prompt(self, row: int) -> None:
        console.print()
        console.print(self._prompts[row], style="bold", markup=False)
