"""How much of the work a part gets that is being rolled out, and its retreat where it is measured to be worse.

- `Part`: what can be rolled out: the cross-node optimiser (of runs) and the enhanced transport (of a sweep's
  connections)
- `trial_of`: what counts for a part now, as a `Trial`; its `draw` says whether a unit of work gets the part
- `Draw`, `Measured`: what was drawn for a unit, and the seconds that it then took
- `note`: write down what units took, and compare; a `Retreat` where the part is slower: it then gets nothing
- `change_percent`: have another share from now on; `stand`, `Standing`, `Window`: how a rollout stands
- `Comparison`, `compare`, `evidence`: the test, on plain samples; `TOLERANCE`, `ALPHA`: what it may call worse, and
  how often it may be wrong
"""

from strata.rollout.comparison import ALPHA, TOLERANCE, Comparison, compare, evidence, samples_of_window, threshold
from strata.rollout.drawing import Draw, Measured, Trial, draw_between
from strata.rollout.parts import Part, flag_of, is_on, start_of
from strata.rollout.watching import (
    PIPELINE,
    REGRESSION,
    Retreat,
    Standing,
    Window,
    change_percent,
    note,
    stand,
    trial_of,
)

__all__ = [
    "ALPHA",
    "PIPELINE",
    "REGRESSION",
    "TOLERANCE",
    "Comparison",
    "Draw",
    "Measured",
    "Part",
    "Retreat",
    "Standing",
    "Trial",
    "Window",
    "change_percent",
    "compare",
    "draw_between",
    "evidence",
    "flag_of",
    "is_on",
    "note",
    "samples_of_window",
    "stand",
    "start_of",
    "threshold",
    "trial_of",
]
