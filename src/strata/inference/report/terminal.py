"""What a run shows on a terminal while it works: a progress bar for each node, and the answers as they are written."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, Task, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text


class _Speed(TransferSpeedColumn):
    """Says nothing of a shard that was there already, instead of a question mark."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.finished_speed or task.speed else Text()


class DistributionBars(Progress):
    """A context manager with a bar for each node whose shard travels; `labels` say more than a node's name."""

    def __init__(self, console: Console, labels: Mapping[str, str] | None = None, *, disable: bool = False) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(binary_units=True),
            _Speed(),
            console=console,
            disable=disable,
        )
        self._labels = labels or {}
        self._bars: dict[str, TaskID] = {}

    def show(self, node: str, done: int, total: int) -> None:
        """Move the bar of one node; bytes."""
        if node not in self._bars:
            self._bars[node] = self.add_task(self._labels.get(node, node), total=total)
        self.update(self._bars[node], completed=done, total=total)


class AnswerStream:
    """Writes answers as their text arrives: the first one live, the others of a batch whole, when it has ended."""

    def __init__(self, console: Console, prompts: Sequence[str]) -> None:
        self._console = console
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
            self._console.out(text, end="")

    def finish(self) -> None:
        """Write what was held back."""
        self._console.out("")
        for row, pieces in sorted(self._later.items()):
            self._prompt(row)
            self._console.out("".join(pieces))

    def _prompt(self, row: int) -> None:
        self._console.print()
        self._console.print(self._prompts[row], style="bold", markup=False)
