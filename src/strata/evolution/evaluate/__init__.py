"""Items answered by models.

Public face:

- `evaluate`: answers items, in batches, through an `AnswerCache` of each `Answer`; gives an `Evaluation`
- `unanswered`, `answer_in_batches`, `save_answers`: the same, for answers that are had from elsewhere
- `predicted_peak_bytes`: the memory it will take
- `Scorer`: the port to a model; `local_scorer`: one in this process, loaded by transformers; `sharded_scorer`: one
  whose layers are spread over the nodes of a mesh; `scorer_for`: the first where the model fits, else the second
- `run_tests`, `Limits`, `Verdict`: a program that a model wrote, confined and tested
- errors: `ScoringFailed`, `CacheFailed`
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from strata.evolution.evaluate.cache import Answer, AnswerCache, CacheFailed
from strata.evolution.evaluate.evaluation import (
    Evaluation,
    answer_in_batches,
    evaluate,
    save_answers,
    unanswered,
)
from strata.evolution.evaluate.memory import predicted_peak_bytes
from strata.evolution.evaluate.sandbox import Limits, Verdict, run_tests
from strata.evolution.evaluate.scorer import Scorer, ScoringFailed

if TYPE_CHECKING:
    from strata.inference import Place


def local_scorer(folder: Path) -> Callable[[], Scorer]:
    """What loads the model of a folder when it is needed; see `LocalScorer`."""

    def load() -> Scorer:
        from strata.evolution.evaluate.local import LocalScorer

        return LocalScorer(folder)

    return load


def sharded_scorer(folder: Path, place: "Place") -> Callable[[], Scorer]:
    """What has the model of a folder answer over the nodes of a mesh; see `ShardedScorer`."""

    def load() -> Scorer:
        from strata.evolution.evaluate.sharded import ShardedScorer

        return ShardedScorer(folder, place)

    return load


def scorer_for(place: "Place", memory_bytes: int) -> Callable[[Path], Callable[[], Scorer]]:
    """For the model of a folder a scorer in this process where that takes at most `memory_bytes`, by the predicted
    peak; for a larger one a scorer over the mesh. Raises ScoringFailed, when called, for a folder that holds no model.
    """

    def choose(folder: Path) -> Callable[[], Scorer]:
        fits = predicted_peak_bytes(folder) <= memory_bytes
        return local_scorer(folder) if fits else sharded_scorer(folder, place)

    return choose


__all__ = [
    "Answer",
    "AnswerCache",
    "CacheFailed",
    "Evaluation",
    "Limits",
    "Scorer",
    "ScoringFailed",
    "Verdict",
    "answer_in_batches",
    "evaluate",
    "local_scorer",
    "predicted_peak_bytes",
    "run_tests",
    "save_answers",
    "scorer_for",
    "sharded_scorer",
    "unanswered",
]
