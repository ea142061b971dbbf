"""Which models a run breeds from: named ones, or the latest checkpoints of a training run."""

from collections.abc import Sequence
from dataclasses import dataclass

from strata.evolution.pretraining import latest_checkpoints
from strata.evolution.rounds import Founder, Stored, find_founder
from strata.settings import Settings
from strata.store import Ledger, open_store
from tasks.evolution_parameters import EvolutionParameters

LATEST = 4  # checkpoints of a training run that are bred from


@dataclass(frozen=True)
class Founders:
    """`parents`, and the `base` that they were trained from; None where there is none."""

    parents: Sequence[Founder]
    base: Founder | None


def find_founders(parameters: EvolutionParameters, settings: Settings) -> Founders | str:
    """Those that the parameters name; or why there are not enough of them yet."""
    store = open_store(settings)
    base = find_founder(store, parameters.base) if parameters.base else None
    if not parameters.checkpoints_of:
        return Founders([find_founder(store, text) for text in parameters.parents], base)
    with Ledger(settings.ledger) as ledger:
        found = latest_checkpoints(ledger, parameters.checkpoints_of, LATEST)
    if len(found) < 2:
        return f"{parameters.checkpoints_of!r} has registered {len(found)} checkpoints; two are needed to merge."
    return Founders([Stored(checkpoint.name, checkpoint.model) for checkpoint in found], base)
