"""What a command-line run of the migration pipeline ends with: tables and what can be opened, or JSON for a program."""

from typing import Any

from rich.table import Table

from strata.migration.report import Account
from strata.settings import Settings
from tasks.migration import MigrationOutcome
from tasks.migration_report import page_path, picture_path
from tasks.terminal import console

_SHOWN = 8  # places for each reason; the guide has all


def show(outcome: MigrationOutcome) -> None:
    """Print the figures before and after, the moves, what was left, and where the guide is."""
    account, settings = outcome.account, Settings()
    console.print("\nCoupling and imports")
    table = Table()
    for heading in ("measure", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading == "measure" else "right")
    forms = {
        "relative imports": (account.before.relative, account.after.relative),
        "absolute imports": (account.before.absolute, account.after.absolute),
    }
    for name, (before, after) in {**account.measures, **forms}.items():
        change = f"{(after - before) / before:+.0%}" if before else "-"
        table.add_row(name, f"{before:,.4g}", f"{after:,.4g}", change)
    console.print(table)
    for moved in account.moved:
        console.print(f"moved    {moved.old} -> {moved.new}{' (shim)' if moved.shim else ''}")
    for undone in account.undone:
        console.print(f"undone   {undone.name}: {undone.why}")
    for code, places in _by_reason(account).items():
        console.print(f"left     {len(places)} for the reason {code}: {', '.join(places[:_SHOWN])}", soft_wrap=True)
    console.print(f"\nproject  {account.tree}", soft_wrap=True)
    console.print(f"guide    {page_path(settings).absolute()}", soft_wrap=True)
    console.print(f"picture  {picture_path(settings).absolute()}", soft_wrap=True)
    console.print(f"undo     {account.undo}", soft_wrap=True)


def _by_reason(account: Account) -> dict[str, list[str]]:
    """The places that were left, the most frequent reason first."""
    found: dict[str, list[str]] = {}
    for left in account.left:
        place = left.path if left.line is None else f"{left.path}:{left.line}"
        found.setdefault(left.code, []).append(place)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def as_dictionary(outcome: MigrationOutcome) -> dict[str, Any]:
    """The figures, and where the guide and its picture are."""
    settings = Settings()
    files = {"guide_file": str(page_path(settings).absolute()), "picture": str(picture_path(settings).absolute())}
    return outcome.figures() | files
