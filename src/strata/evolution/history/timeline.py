"""The `evolution_timeline` format, with bounds on everything.

One JSON object: `evolution_timeline` (a list of generations with their best models), `model_checkpoints` (by name),
`performance_summary`, `total_generations`, `unique_models_tracked`.
"""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from strata.evolution.history.fitness import fitness

MOST_GENERATIONS = 10_000
MOST_MODELS = 1_000  # of a generation
MOST_CHECKPOINTS = 10_000
MOST_PARENTS = 64
MOST_NOTES = 1_000  # entries of an object whose content the format leaves open

Name = Annotated[str, Field(min_length=1, max_length=200)]
Number = Annotated[int, Field(ge=0, le=10**9)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Notes = Annotated[dict[str, Any], Field(max_length=MOST_NOTES)]


def _time(value: object) -> object:
    """Texts without a zone are taken for UTC; numbers are seconds since 1970, whatever their size."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value) or not 0 <= value < 2**40:
            raise ValueError("no time in seconds since 1970")
        value = datetime.fromtimestamp(value, UTC)
    elif isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


Time = Annotated[datetime, BeforeValidator(_time)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=False)


class Scores(_Record):
    """Shares of items answered rightly, 0..1."""

    coding: Score
    math: Score
    reasoning: Score
    language: Score

    @property
    def fitness(self) -> float:
        """By the format's weights."""
        return fitness(self.model_dump())


class TopModel(_Record):
    """One of the best models of a generation; `generation` is the one that it was born in."""

    name: Name
    scores: Scores
    fitness: Annotated[float, Field(allow_inf_nan=False)]
    generation: Number
    parents: Annotated[tuple[Name, ...], Field(max_length=MOST_PARENTS)] = ()
    technique: Annotated[str, Field(max_length=200)] | None = None
    rank: Number | None = None


class Generation(_Record):
    """`population_size` counts all models of the generation, `top_models` are the best of them."""

    generation: Number
    timestamp: Time
    population_size: Number
    statistics: Notes = {}
    top_models: Annotated[tuple[TopModel, ...], Field(max_length=MOST_MODELS)]
    diversity_metrics: Notes = {}


class Checkpoint(_Record):
    """A model that was kept, and why."""

    generation: Number
    model_data: Any = None
    reason: Annotated[str, Field(max_length=1000)] = ""
    timestamp: Time | None = None


class Timeline(_Record):
    """A whole run."""

    evolution_timeline: Annotated[tuple[Generation, ...], Field(max_length=MOST_GENERATIONS)]
    model_checkpoints: Annotated[dict[Name, Checkpoint], Field(max_length=MOST_CHECKPOINTS)] = {}
    performance_summary: Notes = {}
    total_generations: Number | None = None
    unique_models_tracked: Number | None = None

    @model_validator(mode="after")
    def _counted(self) -> Self:
        """Counts that are not given are those of the content."""
        if self.total_generations is None:
            object.__setattr__(self, "total_generations", len(self.evolution_timeline))
        if self.unique_models_tracked is None:
            names = {model.name for generation in self.evolution_timeline for model in generation.top_models}
            object.__setattr__(self, "unique_models_tracked", len(names))
        return self
