"""How much the modules and packages of a project know of each other.

Public face:

- `measure`, `CrossPackage`: cross-package coupling by the issue's definition, over plain data
- `Moving`, `Delta`: the same while modules move, for optimisers
- `Pair`, `weight`, `pair_weights`: what a pair of modules weighs; `distance`, `circles`: the tree of packages
- `see_through`: edges with compatibility shims looked through
"""

from strata.migration.coupling.cross import CrossPackage, measure, pair_weights, weight
from strata.migration.coupling.moving import Delta, Moving
from strata.migration.coupling.packages import Pair, circles, distance
from strata.migration.coupling.shims import see_through

__all__ = [
    "CrossPackage",
    "Delta",
    "Moving",
    "Pair",
    "circles",
    "distance",
    "measure",
    "pair_weights",
    "see_through",
    "weight",
]
