"""What a command-line run of the evolution pipeline ends with: a picture and tables, or JSON for a program."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from shutil import which
from typing import Any

from rich.table import Table

from strata.evolution.report import Chronicle, GenerationResult, fitness_chart
from strata.settings import Settings
from strata.store import Ledger, open_store
from tasks.evolution_report import page_path, picture_path
from tasks.evolution_results import EvolutionOutcome
from tasks.terminal import console


def show(outcome: EvolutionOutcome) -> None:
    """Print fitness by generation, the verdict on each, the champion beside every founder, and what can be opened."""
    settings = Settings()
    with Ledger(settings.ledger) as ledger:
        told = Chronicle(open_store(settings), ledger).generations()
    bred = {each.conclusion.generation for each in outcome.generations}
    console.print("\nFitness by generation (weighted share of the search items answered rightly)\n")
    console.print(fitness_chart(told, console.width - 2))
    console.print("\nVerdicts (candidate minus champion, mean of domains, on items new to all)")
    console.print(_verdicts([each for each in told if each.generation in bred]))
    found = _comparison(outcome)
    console.print(f"\nThe champion against the founders (on {found['items']:,} items held back from all of this)")
    console.print(_founders(found))
    console.print(f"\nreport   {page_path(settings).absolute()}", soft_wrap=True)
    console.print(f"picture  {picture_path(settings).absolute()}", soft_wrap=True)
    console.print(f"more     {_command(settings)} evolution status (or: lineage, report, rollback)", soft_wrap=True)


def as_dictionary(outcome: EvolutionOutcome) -> dict[str, Any]:
    """Generations and comparison as plain data, and where the report and its picture are."""
    settings = Settings()
    return {
        "generations": [asdict(each) for each in outcome.generations],
        "comparison": _comparison(outcome),
        "report": str(page_path(settings).absolute()),
        "picture": str(picture_path(settings).absolute()),
    }


def _command(settings: Settings) -> str:
    """How to call `strata` from here about this run."""
    home = "" if settings.home == Settings.model_fields["home"].default else f"STRATA_HOME={settings.home} "
    return home + ("strata" if which("strata") else os.path.relpath(Path(sys.executable).with_name("strata")))


def _verdicts(generations: list[GenerationResult]) -> Table:
    level = next((each.level for each in generations if each.gain is not None), 0.9)
    table = Table()
    for heading in ("no.", "difference", f"{level:.0%} interval", "items", "verdict"):
        table.add_column(heading, justify="left" if heading == "verdict" else "right")
    for each in generations:
        verdict = f"worse in {', '.join(each.affected)}" if each.affected else each.verdict
        gain = ("-", "-", "-")
        if (found := each.gain) is not None:
            gain = (f"{found.difference:+.4f}", f"{found.low:+.4f} to {found.high:+.4f}", f"{found.items:,}")
        table.add_row(str(each.generation), *gain, f"{verdict}: {each.ending}")
    return table


def _founders(found: dict[str, Any]) -> Table:
    level = next(iter(found["against"].values()))["level"]
    table = Table()
    for heading in ("founder", "its mean", "champion", "difference", f"{level:.0%} interval"):
        table.add_column(heading, justify="left" if heading == "founder" else "right")
    for name, judged in found["against"].items():
        domains, overall = judged["domains"], judged["overall"]
        theirs, ours = (sum(d[side] for d in domains) / len(domains) for side in ("reference_mean", "candidate_mean"))
        interval = f"{overall['low']:+.4f} to {overall['high']:+.4f}"
        table.add_row(name, f"{theirs:.4f}", f"{ours:.4f}", f"{overall['difference']:+.4f}", interval)
    return table


def _comparison(outcome: EvolutionOutcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(open_store(Settings()).read(outcome.comparison.digest))
    return found
