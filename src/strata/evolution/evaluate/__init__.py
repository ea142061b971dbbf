"""Items answered by models.

Public face:

- `evaluate`: answers items, in batches, through an `AnswerCache`; gives an `Evaluation`
- `predicted_peak_bytes`: the memory it will take
- `Scorer`: the port to a model; `local_scorer`: one in this process, loaded by transformers
- `run_tests`, `Limits`, `Verdict`: a program that a model wrote, confined and tested
- errors: `ScoringFailed`, `CacheFailed`
"""

from collections.abc import Callable
from pathlib import Path

from strata.evolution.evaluate.cache import AnswerCache, CacheFailed
from strata.evolution.evaluate.evaluation import Evaluation, evaluate
from strata.evolution.evaluate.memory import predicted_peak_bytes
from strata.evolution.evaluate.sandbox import Limits, Verdict, run_tests
from strata.evolution.evaluate.scorer import Scorer, ScoringFailed


def local_scorer(folder: Path) -> Callable[[], Scorer]:
    """What loads the model of a folder when it is needed; see `LocalScorer`."""

    def load() -> Scorer:
        from strata.evolution.evaluate.local import LocalScorer

        return LocalScorer(folder)

    return load


__all__ = [
    "AnswerCache",
    "CacheFailed",
    "Evaluation",
    "Limits",
    "Scorer",
    "ScoringFailed",
    "Verdict",
    "evaluate",
    "local_scorer",
    "predicted_peak_bytes",
    "run_tests",
]
