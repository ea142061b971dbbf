"""What a command-line run of the inference pipeline ends with: tables for a reader, or JSON for a program."""

import json
from typing import Any

from rich.table import Table

from strata.inference import GenerationResult, Row, comparison_sentence, speculation_sentence, speed_rows, stage_rows
from strata.settings import Settings
from strata.store import open_store
from tasks.results import InferenceOutcome, get_generation
from tasks.terminal import console


def show(outcome: InferenceOutcome) -> None:
    """Print where the layers were, what that cost, and how it compares with one process."""
    result, alone = _results(outcome)
    console.print()
    if outcome.plan is not None:
        console.print(_table("Nodes (bytes received and sent are encrypted)", stage_rows(result)))
    console.print(_table("Speed", speed_rows(result, alone)))
    if alone is not None:
        console.print(comparison_sentence(result, alone))
    if result.drafted:
        console.print(speculation_sentence(result))


def as_dictionary(outcome: InferenceOutcome) -> dict[str, Any]:
    """The plan, the answer and the baseline as they lie in the store."""
    store = open_store(Settings())
    parts = {"plan": outcome.plan, "answer": outcome.answer, "baseline": outcome.baseline}
    return {name: json.loads(store.read(ref.digest)) for name, ref in parts.items() if ref is not None}


def _results(outcome: InferenceOutcome) -> tuple[GenerationResult, GenerationResult | None]:
    store = open_store(Settings())
    alone = get_generation(store, outcome.baseline) if outcome.baseline else None
    return get_generation(store, outcome.answer), alone


def _table(title: str, rows: list[Row]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, heading in enumerate(rows[0]):
        table.add_column(heading, justify="left" if index < 1 else "right")
    for row in rows:
        table.add_row(*row.values())
    return table
