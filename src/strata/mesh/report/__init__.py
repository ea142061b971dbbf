"""A swept mesh for people: a page with a picture of the mesh, its members, and how whole it was over time.

Public face:

- `mesh_page`: the page; `mesh_plot`, `uptime_plot`: its pictures
"""

from strata.mesh.report.mesh_plot import mesh_plot
from strata.mesh.report.page import mesh_page
from strata.mesh.report.uptime_plot import uptime_plot

__all__ = ["mesh_page", "mesh_plot", "uptime_plot"]
