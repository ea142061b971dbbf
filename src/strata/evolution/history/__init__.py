"""Files of past runs, in the `evolution_timeline` format: read, checked, learned from, written.

Public face:

- `read_history`: a file as `History`: its sound records, and a `Finding` with a `Reason` for each of the others
- `gains`: what each technique gained over its parents, by sound records only
- `Timeline`, `Generation`, `TopModel`, `Scores`: the format; `rank`: a generation from its models; `write_timeline`
- `fitness`, `weights_of` domains, `FITNESS_WEIGHTS`: one number from scores by domain
- errors: `BadHistory`
"""

from strata.evolution.history.check import Finding, History, Reason, check
from strata.evolution.history.fitness import FITNESS_WEIGHTS, fitness, weights_of
from strata.evolution.history.learning import gains
from strata.evolution.history.reading import BadHistory, read_history
from strata.evolution.history.timeline import Checkpoint, Generation, Scores, Timeline, TopModel
from strata.evolution.history.writing import rank, write_timeline

__all__ = [
    "FITNESS_WEIGHTS",
    "BadHistory",
    "Checkpoint",
    "Finding",
    "Generation",
    "History",
    "Reason",
    "Scores",
    "Timeline",
    "TopModel",
    "check",
    "fitness",
    "gains",
    "rank",
    "read_history",
    "weights_of",
    "write_timeline",
]
