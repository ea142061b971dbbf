"""The import graph of a project.

Public face:

- `ImportEdge`, `import_edges`: which module imports which, where, and whether at run time
- `package_of`: the package that a module is counted to
- `Cycle`, `CycleKind`, `Break`, `import_cycles`: modules that import each other, and the cheapest imports to take away
- `matrix_order`: modules in the order of a dependency structure matrix
- `Survey`, `survey`: a project at a glance
- `components`, `feedback_arcs`, `FeedbackArcs`: the same of any graph
"""

from strata.migration.graph.components import components
from strata.migration.graph.cycles import Break, Cycle, CycleKind, import_cycles, matrix_order
from strata.migration.graph.edges import ImportEdge, import_edges, package_of
from strata.migration.graph.feedback import FeedbackArcs, feedback_arcs
from strata.migration.graph.overview import Survey, survey

__all__ = [
    "Break",
    "Cycle",
    "CycleKind",
    "FeedbackArcs",
    "ImportEdge",
    "Survey",
    "components",
    "feedback_arcs",
    "import_cycles",
    "import_edges",
    "matrix_order",
    "package_of",
    "survey",
]
