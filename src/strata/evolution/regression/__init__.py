"""The gate: is a candidate no worse than the baseline in any domain, and better overall?

Public face: `GatePolicy` says what is demanded (margins: `MARGINS`, unless others are given); `judge` decides on whole
files, `Gate` while items are drawn, from `Pair`s that `pair` joins. Both give a `Judgement`: a `Verdict` and what it
rests on, a `Finding` for each domain with its `State`, and an `Overall`. Errors:
`BadPolicy`, `UnpairedScores`, `NoScores`.

All tests are paired, item by item. A domain is *sound* when a drop of its margin is rejected (non-inferiority), and has
*dropped* when no difference is rejected in favour of a drop, with the domains' errors kept together.

Promotion needs every domain sound, also against a fixed anchor if there is one, and the candidate *better overall*: the
mean over domains of its differences, each domain counting the same, is shown to be above 0 at one-sided level alpha.
It need not be better in any one domain, nor by any amount: a small gain that can be shown adds up over generations. But
it must be shown, because every change of champion risks what no suite measures, and a chain of models that are merely
not inferior drifts. Of candidates that are no better at most alpha are promoted. Whatever cannot be shown is
inconclusive, and says what it lacks.

Clusters are what a domain is sampled by: ten questions about each of many texts, twenty items from each of many
templates. Then the verdict is about texts and templates like these, and twenty clusters are the least. Kinds of items
that together are the domain are not clusters: items drawn from them at random are independent.
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
