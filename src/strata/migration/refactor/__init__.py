"""Moving modules between packages so that packages know less of each other: planned, priced, and made step by step.

Public face:

- `Layout`, `layout_of`: a project as the optimiser sees it, plain data
- `Limits`, `Aim`, `optimise`, `Proposal`: which moves lower the coupling across packages
- `Move`, `make_step`, `Stuck`: one move as changes to files, each proved, or why it is not made
- `fixed_modules`: modules that stay, and why; `shim_target`: what a compatibility shim stands for
"""

from strata.migration.refactor.fixed import fixed_modules
from strata.migration.refactor.layout import Aim, Layout, Limits, Proposal
from strata.migration.refactor.moving import Move, make_step
from strata.migration.refactor.optimise import optimise
from strata.migration.refactor.shim import shim_target
from strata.migration.refactor.stuck import Stuck
from strata.migration.refactor.survey import layout_of

__all__ = [
    "Aim",
    "Layout",
    "Limits",
    "Move",
    "Proposal",
    "Stuck",
    "fixed_modules",
    "layout_of",
    "make_step",
    "optimise",
    "shim_target",
]
