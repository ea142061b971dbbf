"""What a command-line run of the health report ends with: tables, and where the page is, or JSON for a program."""

from typing import Any

from rich.table import Table

from strata.settings import Settings
from tasks.health import HealthOutcome, page_path
from tasks.health_page import health_page
from tasks.terminal import console


def show(outcome: HealthOutcome) -> None:
    """Print every section of the page, and its path."""
    page = health_page(outcome.health)
    console.print(page.summary)
    for part in page.sections:
        table = Table(title=part.title, title_justify="left")
        for column, heading in enumerate(part.head):
            table.add_column(heading, justify="right" if column in part.numbers else "left")
        for row in part.rows:
            table.add_row(*row)
        console.print()
        console.print(table, markup=False)
    console.print(f"\npage  {page_path(Settings()).absolute()}", soft_wrap=True)


def as_dictionary(outcome: HealthOutcome) -> dict[str, Any]:
    """The figures, and where the page is."""
    return outcome.health.figures() | {
        "page": outcome.page.digest,
        "page_file": str(page_path(Settings()).absolute()),
    }
