"""What an evolution run leaves behind, and what a run that is suspended or killed has done so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from strata.evolution.rounds import Child, Conclusion
from strata.store import ArtifactRef, Store

_RUN = "evolution-run"  # kind of the refs under which unfinished runs are kept, by the ids of their flow runs


@dataclass(frozen=True)
class GenerationOutcome:
    """How a generation ended, its children, and the gate's judgement as plain data; None where there was none."""

    conclusion: Conclusion
    children: tuple[Child, ...]
    judgement: dict[str, Any] | None


@dataclass(frozen=True)
class EvolutionOutcome:
    """The generations of a run; `comparison`: the champion against every parent, as it lies in the store."""

    generations: list[GenerationOutcome]
    comparison: ArtifactRef


_GENERATIONS = TypeAdapter(list[GenerationOutcome])


def generations_so_far(store: Store, run: str) -> list[GenerationOutcome]:
    """Of a flow run that goes on; none of one that begins."""
    ref = store.ref(_RUN, run)
    return [] if ref is None else _GENERATIONS.validate_json(store.read(ref.digest))


def keep_generations(store: Store, run: str, generations: Sequence[GenerationOutcome]) -> None:
    """Keep them for `generations_so_far`."""
    store.put_artifact(_GENERATIONS.dump_json(list(generations)), _RUN, run)


def forget_generations(store: Store, run: str) -> None:
    """The run is over."""
    store.drop_ref(_RUN, run)
