"""Moving modules between packages so that packages know less of each other: planned, priced, and made step by step.

Public face:

- `Layout`, `Limits`, `Proposal`, `Aim`, `optimise`: which moves lower the coupling across packages, over plain data
"""

from strata.migration.refactor.layout import Aim, Layout, Limits, Proposal
from strata.migration.refactor.optimise import optimise

__all__ = ["Aim", "Layout", "Limits", "Proposal", "optimise"]
