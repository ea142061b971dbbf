"""A migration as pages and pictures.

Public face:

- `guide`: the migration guide, of an `Account`, which is made of `Forms`, `Moved`, `Left`, `Undone`, `Suite`
- `Matrix`, `matrix_plot`: the dependency structure matrix, before and after
"""

from strata.migration.report.contents import Account, Forms, Left, Moved, Suite, Undone
from strata.migration.report.matrix import Matrix, matrix_plot
from strata.migration.report.telling import guide

__all__ = ["Account", "Forms", "Left", "Matrix", "Moved", "Suite", "Undone", "guide", "matrix_plot"]
