"""Our own runs in the same format."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from strata.evolution.history.timeline import Generation, Timeline, TopModel
from strata.files import write


def rank(number: int, timestamp: datetime, models: Sequence[TopModel], most: int = 10) -> Generation:
    """A generation from all of its models: the best `most` are listed and ranked; the statistics are of all.

    `mean_score_distance`: mean Euclidean distance of two models' scores. Raises ValueError without models.
    """
    if not models:
        raise ValueError("a generation has at least one model")
    ordered = sorted(models, key=lambda model: (-model.fitness, model.name))
    values = np.array([model.fitness for model in models])
    scores = np.array([list(model.scores.model_dump().values()) for model in models])
    apart = np.linalg.norm(scores[:, None] - scores[None, :], axis=2)
    pairs = max(1, len(models) * (len(models) - 1))
    statistics: Mapping[str, float] = {
        "best_fitness": float(values.max()),
        "mean_fitness": float(values.mean()),
        "worst_fitness": float(values.min()),
        "std_fitness": float(values.std()),
    }
    return Generation(
        generation=number,
        timestamp=timestamp,
        population_size=len(models),
        statistics=dict(statistics),
        top_models=tuple(model.model_copy(update={"rank": i}) for i, model in enumerate(ordered[:most], start=1)),
        diversity_metrics={
            "techniques": len({model.technique for model in models if model.technique}),
            "mean_score_distance": float(apart.sum() / pairs),
        },
    )


def write_timeline(path: Path, timeline: Timeline) -> None:
    """Write it as JSON, in one step."""
    write(path, timeline.model_dump_json(indent=1).encode())
