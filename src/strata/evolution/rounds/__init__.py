"""A generation, bred, examined and judged; the watch over a champion after its promotion.

Public face:

- `Rounds`: the steps of a generation, each of which may be repeated; `Demands`, `Parts`, `Conclusion`, `Child`
- `Examiner`: models of the store answer items of suites, from a cache
- `judge_candidate`: the gate, with items drawn while they can change the verdict
- `watch_champion`: judge a champion anew and roll it back where it regressed; `Watched`
"""

from strata.evolution.rounds.children import Child, best
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.judging import judge_candidate
from strata.evolution.rounds.rounds import Conclusion, Demands, Parts, Rounds
from strata.evolution.rounds.watch import Watched, watch_champion

__all__ = [
    "Child",
    "Conclusion",
    "Demands",
    "Examiner",
    "Parts",
    "Rounds",
    "Watched",
    "best",
    "judge_candidate",
    "watch_champion",
]
