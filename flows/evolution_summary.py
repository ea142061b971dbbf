"""What a command-line run of the evolution pipeline ends with: tables for a reader, or JSON for a program."""

import json
from dataclasses import asdict
from typing import Any

from rich.table import Table

from strata.settings import Settings
from strata.store import Store
from tasks.evolution_results import EvolutionOutcome
from tasks.terminal import console


def show(outcome: EvolutionOutcome) -> None:
    """Print how each generation ended, and the champion beside every founder."""
    table = Table(title="Generations", title_justify="left")
    for heading in ("generation", "children", "best child", "champion", "verdict", "ending"):
        table.add_column(heading, justify="left" if heading in {"verdict", "ending"} else "right")
    for each in outcome.generations:
        scores = [child.fitness for child in each.children if child.fitness is not None]
        best = f"{max(scores):.4f}" if scores else "-"
        verdict = "-" if each.judgement is None else str(each.judgement["verdict"])
        ending = each.conclusion
        number, bred = str(ending.generation), f"{len(scores)} of {len(each.children)}"
        table.add_row(number, bred, best, f"{ending.champion_fitness:.4f}", verdict, ending.ending)
    console.print()
    console.print(table)
    found = _comparison(outcome)
    level = next(iter(found["against"].values()))["level"]
    table = Table(
        title=f"Champion against founders, {found['items']} held-back items, intervals of {level:.0%}",
        title_justify="left",
    )
    for heading in ("founder", "its mean", "champion", "difference", "interval"):
        table.add_column(heading, justify="left" if heading == "founder" else "right")
    for name, judged in found["against"].items():
        domains, overall = judged["domains"], judged["overall"]
        theirs, ours = (sum(d[side] for d in domains) / len(domains) for side in ("reference_mean", "candidate_mean"))
        span = f"{overall['low']:+.4f} to {overall['high']:+.4f}"
        table.add_row(name, f"{theirs:.4f}", f"{ours:.4f}", f"{overall['difference']:+.4f}", span)
    console.print(table)


def as_dictionary(outcome: EvolutionOutcome) -> dict[str, Any]:
    """Generations and comparison as plain data."""
    return {"generations": [asdict(each) for each in outcome.generations], "comparison": _comparison(outcome)}


def _comparison(outcome: EvolutionOutcome) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Store(Settings().store_root).read(outcome.comparison.digest))
    return found
