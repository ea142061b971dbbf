"""How much the modules and packages of a project know of each other.

Public face:

- `coupling`, `Coupling`, `PackagePair`: a whole project's
- `Martin`, `Classes`, `module_metrics`, `package_metrics`: afferent and efferent coupling and what follows from them
- `measure`, `CrossPackage`: cross-package coupling by the issue's definition, over plain data
- `Moving`, `Delta`: the same while modules move, for optimisers
- `Pair`, `weight`, `pair_weights`: what a pair of modules weighs; `distance`, `circles`: the tree of packages
- `see_through`: edges with compatibility shims looked through
"""

from strata.migration.coupling.cross import CrossPackage, measure, pair_weights, weight
from strata.migration.coupling.metrics import Classes, Martin, module_metrics, package_metrics
from strata.migration.coupling.moving import Delta, Moving
from strata.migration.coupling.packages import Pair, circles, distance
from strata.migration.coupling.report import Coupling, PackagePair, coupling
from strata.migration.coupling.shims import see_through

__all__ = [
    "Classes",
    "Coupling",
    "CrossPackage",
    "Delta",
    "Martin",
    "Moving",
    "PackagePair",
    "Pair",
    "circles",
    "coupling",
    "distance",
    "measure",
    "module_metrics",
    "package_metrics",
    "pair_weights",
    "see_through",
    "weight",
]
