"""Generations that are over, as ledger and store tell of them."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from strata.errors import StrataError
from strata.evolution.rounds.children import Child, from_json
from strata.evolution.rounds.records import CHILDREN, JUDGEMENT
from strata.store import Generation, GenerationLog, Store

SCORED_ON, FOUNDERS = "scored_on", "founders"  # figures of a generation

Scores = Mapping[str, float]


@dataclass(frozen=True)
class PastGeneration:
    """`record`: its line in the ledger. `judgement`: the gate's, as `Judgement.to_dict` gives it; None without one.

    Children and judgement are empty where their blobs are lost.
    """

    record: Generation
    children: tuple[Child, ...]
    judgement: Mapping[str, Any] | None

    @property
    def champion_fitness(self) -> float | None:
        """Fitness of the champion after it, on the search items; None while it runs."""
        found = self.record.figures.get("champion")
        return found if isinstance(found, float) else None

    @property
    def candidate(self) -> str | None:
        """The child that went before the gate."""
        found = self.record.figures.get("candidate")
        return found if isinstance(found, str) else None

    @property
    def scored_on(self) -> object:
        """Which search items: only scores of generations where this is equal can be compared."""
        return self.record.figures.get(SCORED_ON)

    @property
    def scores(self) -> dict[str, Scores]:
        """By domain, on the search items: of the founders, and of every child that was examined; by digest."""
        bred = {child.model: child.scores for child in self.children if child.model and child.scores}
        return {**self.record.figures.get(FOUNDERS, {}), **bred}


def past_generations(store: Store, log: GenerationLog, limit: int = 1000) -> tuple[PastGeneration, ...]:
    """The latest generations, the oldest of them first; one that is under way as far as it is."""
    return tuple(
        PastGeneration(record, from_json(_blob(store, CHILDREN, record) or b"[]"), _judgement(store, record))
        for record in reversed(log.recent(limit))
    )


def scores_of(models: Iterable[str], score: Callable[[str], Scores]) -> dict[str, Scores]:
    """Scores of those models that can be examined."""
    found: dict[str, Scores] = {}
    for model in models:
        try:
            found[model] = score(model)
        except StrataError:  # a founder that is damaged costs the generation nothing
            continue
    return found


def _judgement(store: Store, record: Generation) -> Mapping[str, Any] | None:
    found = _blob(store, JUDGEMENT, record)
    return None if found is None else json.loads(found)


def _blob(store: Store, kind: str, record: Generation) -> bytes | None:
    try:
        ref = store.ref(kind, str(record.id))
        return None if ref is None else store.read(ref.digest)
    except (StrataError, OSError):
        return None
