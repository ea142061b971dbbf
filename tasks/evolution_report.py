"""A run of the evolution pipeline as a report: what was bred, what the gate said, who is champion."""

from collections.abc import Mapping, Sequence
from typing import Any

from strata.evolution.report import DomainResult, GenerationResult, Relative, Report, relatives
from strata.evolution.rounds import Workshop
from tasks.evolution_results import GenerationOutcome


def run_report(shop: Workshop, generations: Sequence[GenerationOutcome], comparison: Mapping[str, Any]) -> Report:
    """The report of these generations; `comparison`: the champion against every founder, as `compare` stores it."""
    closest = min(comparison["against"], key=lambda name: comparison["against"][name]["overall"]["difference"])
    against = comparison["against"][closest]
    overall = against["overall"]
    better = f"{overall['difference']:+.4f} ({overall['low']:+.4f} to {overall['high']:+.4f})"
    promoted = sum(outcome.conclusion.ending == "promoted" for outcome in generations)
    return Report(
        title=f"Evolution: {len(generations)} generations",
        verdict=against["verdict"],
        severity="none",
        summary=f"{promoted} of {len(generations)} generations gave a new champion. On {comparison['items']} held-back "
        f"items it is {better} better overall than {closest}, the founder that comes closest.",
        evidence=(("champion", comparison["champion"]), ("closest founder", closest), ("difference", better)),
        done=tuple(f"generation {o.conclusion.generation}: {o.conclusion.ending}" for o in generations),
        domains=tuple(
            DomainResult(d["domain"], d["difference"], d["low"], d["high"], d["margin"], d["items"])
            for d in against["domains"]
        ),
        generations=tuple(_generation(outcome) for outcome in generations),
        family=_family(shop, generations, comparison["champion"]),
    )


def _generation(outcome: GenerationOutcome) -> GenerationResult:
    children = tuple(child.fitness for child in outcome.children if child.fitness is not None)
    verdict = "none" if outcome.judgement is None else str(outcome.judgement["verdict"])
    conclusion = outcome.conclusion
    return GenerationResult(conclusion.generation, conclusion.champion_fitness, children, verdict)


def _family(shop: Workshop, generations: Sequence[GenerationOutcome], champion: str) -> tuple[Relative, ...]:
    """The champions of these generations and their ancestors."""
    lineage = shop.parts.family.lineage
    wanted = {outcome.conclusion.champion for outcome in generations} | {champion}
    records = {record.digest: record for model in sorted(wanted) for record in lineage.ancestry(model)}
    return relatives(records.values(), shop.parts.championship.history())
