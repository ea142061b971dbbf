"""A generation, bred, examined and judged; the watch over a champion after its promotion.

Public face:

- `Rounds`: the steps of a generation, each of which may be repeated; `Demands`, `Parts`, `Conclusion`, `Child`
- `open_workshop`: all that generations are made with, by an `Order`; `Workshop`; `find_founder`: a model folder, or one
  that is `Stored`; `enter_founder`
- `forecast`, `admit`: the peak memory of a generation before it begins, and whether there is room; `Admission`
- `Helpers`: other processes that merge and answer, each `Asked`; `Helper`, `helper`: what such a process does, at a
  `Bench`; `put_items`: items on their way to it
- `Examiner`: models of the store answer items of suites, from a cache; `open_examiner`: with that cache
- `past_generations`: generations as ledger and store tell of them, of whichever process; `PastGeneration`
- `import_history`: a file of a run elsewhere, for the search to learn from
- `judge_candidate`: the gate, with items drawn while they can change the verdict
- `watch_champion`: judge a champion anew, with an incident where it regressed, of kind `REGRESSION`, that
  says `regression_in` which domains; `Watched`;
  `guard_champion`: and roll it back there and then
"""

from strata.evolution.rounds.admission import Admission, Forecast, admit, forecast
from strata.evolution.rounds.children import Child, best
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.founders import Founder, Stored, enter_founder, find_founder
from strata.evolution.rounds.helpers import Asked, Helpers
from strata.evolution.rounds.helping import Bench, Helper, helper, put_items
from strata.evolution.rounds.histories import import_history
from strata.evolution.rounds.judging import judge_candidate
from strata.evolution.rounds.parts import Conclusion, Demands, Parts
from strata.evolution.rounds.past import PastGeneration, past_generations
from strata.evolution.rounds.rounds import Rounds
from strata.evolution.rounds.watch import REGRESSION, Watched, guard_champion, regression_in, watch_champion
from strata.evolution.rounds.workshop import Order, Workshop, open_examiner, open_workshop

__all__ = [
    "REGRESSION",
    "Admission",
    "Asked",
    "Bench",
    "Child",
    "Conclusion",
    "Demands",
    "Examiner",
    "Forecast",
    "Founder",
    "Helper",
    "Helpers",
    "Order",
    "Parts",
    "PastGeneration",
    "Rounds",
    "Stored",
    "Watched",
    "Workshop",
    "admit",
    "best",
    "enter_founder",
    "find_founder",
    "forecast",
    "guard_champion",
    "helper",
    "import_history",
    "judge_candidate",
    "open_examiner",
    "open_workshop",
    "past_generations",
    "put_items",
    "regression_in",
    "watch_champion",
]
