"""The whole evolution of a store and ledger as a report."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from strata.errors import StrataError
from strata.evolution.report.chronicle import Chronicle, comparison
from strata.evolution.report.contents import Comparison, Report
from strata.store import Ledger, Store

COMPARISON = "evolution-comparison"  # kind of the ref to the champion's comparison with every founder
MOST_COMPARISONS = 3  # generations that are told domain by domain
_ENDINGS = {"promoted": "promoted", "kept": "kept the champion", "proposed": "waiting for a person", "failed": "failed"}


def evolution_report(store: Store, ledger: Ledger) -> Report:
    """Generations with their verdicts, the champion against the founders, front, family, failures and incidents."""
    told = Chronicle(store, ledger)
    generations, champion = told.generations(), told.history[0].digest if told.history else None
    founders = _founders(told, champion)
    endings = Counter(each.ending for each in generations)
    counted = [f"{endings[state]} {words}" for state, words in _ENDINGS.items() if endings[state]]
    several = "generation" if len(generations) == 1 else "generations"
    return Report(
        title=f"Evolution: {len(generations)} {several}",
        verdict=", ".join(counted) or "nothing bred yet",
        severity="none",
        summary=_summary(told, champion, founders),
        comparisons=(*founders, *told.comparisons(MOST_COMPARISONS)),
        generations=generations,
        front=told.front(),
        compared=len(told.scores),
        front_items=told.search_items,
        family=told.relatives({change.digest for change in told.history}),
        failures=told.failures(),
        happenings=told.happenings(),
    )


def _founders(told: Chronicle, champion: str | None) -> tuple[Comparison, ...]:
    """The champion against the founder that comes closest, where that was measured for this champion."""
    found = _compared(told.store)
    if champion is None or found is None or found["champion"] != champion:
        return ()
    closest = min(found["against"], key=lambda name: found["against"][name]["overall"]["difference"])
    items = f"{found['items']:,} items that were held back from training, search and gate"
    title = f"The champion against {closest}, the founder that comes closest"
    return (comparison(found["against"][closest], title, told.name(champion), closest, items),)


def _compared(store: Store) -> Mapping[str, Any] | None:
    try:
        ref = store.ref(COMPARISON, "latest")
        found: Mapping[str, Any] | None = None if ref is None else json.loads(store.read(ref.digest))
    except (StrataError, OSError):  # the report tells the rest
        return None
    return found


def _summary(told: Chronicle, champion: str | None, founders: tuple[Comparison, ...]) -> str:
    if champion is None:
        return "There is no champion yet."
    latest = told.history[0]
    sentence = f"{told.named(champion)} is champion since {latest.moved:%Y-%m-%d %H:%M:%S} UTC by {latest.kind}."
    for each in founders:
        if each.overall is not None:
            gain = each.overall
            sentence += (
                f" On {each.items} it is {gain.difference:+.4f} better overall than {each.reference}, the founder that "
                f"comes closest (interval of {each.level:.0%}: {gain.low:+.4f} to {gain.high:+.4f})."
            )
            if lost := [result.domain for result in each.domains if result.outlook == "lost"]:
                sentence += f" That founder is better in {', '.join(lost)}."
    return sentence
