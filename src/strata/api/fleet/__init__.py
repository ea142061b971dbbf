"""The port `Fleet` over `strata.inference`: one model on the nodes of a mesh, or on nodes of this machine.

- `open_fleet`: a `MeshFleet` for as long as a block lasts
"""

from strata.api.fleet.mesh_fleet import MeshFleet
from strata.api.fleet.opening import open_fleet

__all__ = ["MeshFleet", "open_fleet"]
