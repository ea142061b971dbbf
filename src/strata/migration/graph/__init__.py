"""The import graph of a project.

Public face:

- `ImportEdge`, `import_edges`: which module imports which, where, and whether at run time
- `package_of`: the package that a module is counted to
"""

from strata.migration.graph.edges import ImportEdge, import_edges, package_of

__all__ = ["ImportEdge", "import_edges", "package_of"]
