"""Moving modules between packages so that packages know less of each other: planned, priced, and made step by step.

Public face:

- `Layout`, `layout_of`: a project as the optimiser sees it, plain data
- `Limits`, `Aim`, `optimise`, `Proposal`: which moves lower the coupling across packages
- `Move`, `make_step`, `Stuck`: one move as changes to files, each proved, or why it is not made
- `plan_moves`, `MovePlan`, `PlannedMove`, `Advice`: a plan of moves, data that people edit; `check_plan`, `BadMoves`
- `carry_out`, `Demands`, `Moved`, `MoveOutcome`: the plan carried out through the journal, and what it came to
- `fixed_modules`: modules that stay, and why; `shim_target`: what a compatibility shim stands for
"""

from strata.migration.refactor.carrying import STRATEGY, Demands, Moved, MoveOutcome, carry_out
from strata.migration.refactor.fixed import fixed_modules
from strata.migration.refactor.layout import Aim, Layout, Limits, Proposal
from strata.migration.refactor.moving import Move, make_step
from strata.migration.refactor.optimise import optimise
from strata.migration.refactor.plan import Advice, BadMoves, MovePlan, PlannedMove
from strata.migration.refactor.planning import check_plan, plan_moves
from strata.migration.refactor.shim import shim_target
from strata.migration.refactor.stuck import Stuck
from strata.migration.refactor.survey import layout_of

__all__ = [
    "STRATEGY",
    "Advice",
    "Aim",
    "BadMoves",
    "Demands",
    "Layout",
    "Limits",
    "Move",
    "MoveOutcome",
    "MovePlan",
    "Moved",
    "PlannedMove",
    "Proposal",
    "Stuck",
    "carry_out",
    "check_plan",
    "fixed_modules",
    "layout_of",
    "make_step",
    "optimise",
    "plan_moves",
    "shim_target",
]
