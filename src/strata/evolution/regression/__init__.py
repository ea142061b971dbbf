"""The gate: is a candidate no worse than the baseline in any domain, and better overall?

Public face: `GatePolicy` says what is demanded (margins: `MARGINS`, unless others are given); `judge` decides on whole
files, `Gate` while items are drawn, from `Pair`s that `pair` joins. Both give a `Judgement`: a `Verdict` and what it
rests on, a `Finding` for each domain with its `State`, and an `Overall`. Errors:
`BadPolicy`, `UnpairedScores`, `NoScores`.

All tests are paired, item by item. A domain is *sound* when a drop of its margin is rejected (non-inferiority), and has
*dropped* when no difference is rejected in favour of a drop, with the domains' errors kept together. Promotion needs
every domain sound, also against a fixed anchor if there is one, and a mean over domains that is shown to be above 0:
replacing a champion has a price, so a candidate that is merely as good is not promoted, and of those that are not
better at most alpha are. Whatever cannot be shown is inconclusive, and says what it lacks.
"""

from strata.evolution.regression.fixed import NoScores, judge
from strata.evolution.regression.gate import Gate
from strata.evolution.regression.judgement import Finding, Judgement, Overall, State, Verdict
from strata.evolution.regression.pairs import Pair, UnpairedScores, pair
from strata.evolution.regression.policy import MARGINS, BadPolicy, GatePolicy

__all__ = [
    "MARGINS",
    "BadPolicy",
    "Finding",
    "Gate",
    "GatePolicy",
    "Judgement",
    "NoScores",
    "Overall",
    "Pair",
    "State",
    "UnpairedScores",
    "Verdict",
    "judge",
    "pair",
]
