"""What an evolution run leaves behind."""

from dataclasses import dataclass
from typing import Any

from strata.evolution.rounds import Child, Conclusion
from strata.store import ArtifactRef


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
