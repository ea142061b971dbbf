"""What a command-line run of the mesh pipeline ends with: tables and what can be opened, or JSON for a program."""

from typing import Any

from rich.table import Table

from strata.mesh import mended_sentences, peer_rows
from strata.settings import Settings
from tasks.mesh_report import MeshOutcome, page_path, picture_path
from tasks.terminal import console


def show(outcome: MeshOutcome) -> None:
    """Print the members as the last sweep found them, what was done, and where the page is."""
    settings, last = Settings(), outcome.rounds[-1]
    table = Table(title="The mesh after it", title_justify="left")
    rows = peer_rows(last.sweeps[-1])
    for heading in rows[0]:
        table.add_column(heading)
    for row in rows:
        table.add_row(*row.values())
    console.print()
    console.print(table)
    for sentence in mended_sentences(last):
        console.print(sentence)
    seconds = [sweep.seconds for mended in outcome.rounds for sweep in mended.sweeps]
    console.print(f"{len(seconds)} sweeps of {min(seconds):.1f} to {max(seconds):.1f} s")
    console.print(f"\npage     {page_path(settings).absolute()}", soft_wrap=True)
    console.print(f"picture  {picture_path(settings).absolute()}", soft_wrap=True)


def as_dictionary(outcome: MeshOutcome) -> dict[str, Any]:
    """The figures, and where the page and its picture are."""
    settings = Settings()
    files = {"page_file": str(page_path(settings).absolute()), "picture": str(picture_path(settings).absolute())}
    return outcome.figures() | {"page": outcome.page.digest} | files
